// Part of the pass "choose": how many rules of which class go into which of the card's tables.
// Tables whose rules share a mask are the only hard part, and few masks are in use: each is tried,
// the rest is a matching by weight, which is exact. What Z3 says about it is in
// judge.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/ir/filter_shape.h"
#include "compiler/passes/classes.h"

namespace weft::passes {

// One of the card's tables that can hold rules for some class.
struct RuleTable {
  // Rules of one group share one mask: all of the table, or those for one type of packets.
  struct Mask {
    unsigned group = 0;
    unsigned mask = 0;  // which, of those in use in the group
    auto operator<=>(const Mask&) const = default;
  };

  const ir::Node* node = nullptr;
  unsigned capacity = 0;
  std::vector<bool> holds;  // by class: can a rule for it be written at all?
  std::vector<Mask> masks;  // by class, of its rules; empty: they may have any
  unsigned levels = 1;      // its rules may stand in front of each other on so many
  const std::string& name() const { return node->id; }
  bool shares_masks() const { return !masks.empty(); }
};

// The question, without a card or a workload: what judges and explains needs no more.
struct FilterProblem {
  const Classes* classes = nullptr;
  std::vector<RuleTable> tables;    // in the order in which the card asks them
  std::vector<ir::Shape> shapes;    // what rules look at; those in use
  std::vector<unsigned> shape;      // by class; of several, the first
  std::vector<std::int64_t> worth;  // by class, of one rule; what must be goes first
  bool few = false;                 // none but those that must be
};

struct FilterPlan {
  std::vector<std::vector<unsigned>> rules;  // by class, by table
  std::int64_t worth = 0;                    // of all of them
  std::vector<unsigned> missing;             // classes that must have rules and lack some
  unsigned of(unsigned c) const;             // rules of a class
};

FilterProblem filter_problem(const Inputs& inputs, const Classes& classes);
FilterPlan plan_filters(const FilterProblem& problem);

// What the rule for one flow looks at; for a set of them; for an endpoint's strangers, on ports
// with the same bits of a mask, or for one of so many parts of them.
ir::Shape shape_of_flow(bool tcp = false);
ir::Shape shape_of_set(const ir::FlowSet& set, bool tcp);
ir::Shape shape_of_strangers(const ir::Endpoint& endpoint, unsigned parts = 1,
                             std::uint16_t port_mask = 0xffff);

}  // namespace weft::passes
