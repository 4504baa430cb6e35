// Where one flow more goes: from counters that are kept, not from the plan.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/passes/pipeline.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/operation.h"

namespace weft::planner {

using passes::FlowKey;

struct Place {
  std::string table;  // where its rule goes; empty: RSS brings it
  unsigned queue = 0;
};

// A flow of the running plan, with what is known of it.
struct KnownFlow {
  plan::FlowEntry entry;
  double rate = 1;  // packets per second
  std::vector<plan::Filter> rules;
};

class Decider {
 public:
  Decider(const plan::Plan& plan, const passes::Inputs& inputs);

  // The least loaded queue that rules feed, while a table has room; else where RSS brings it, or,
  // where nobody can predict that, the least loaded queue.
  Place place(const FlowKey& key) const;
  // The rule for it, as the compiler writes it.
  plan::Filter rule(const FlowKey& key, const Place& place, unsigned endpoint);
  // Can anybody say where RSS brings a flow? Else its entry may be on any queue.
  bool predictable() const { return predictable_; }

  // Keeps the counters with what was done.
  void note(const plan::Operation& operation);
  void set_rate(const FlowKey& key, double rate);
  const KnownFlow* find(const FlowKey& key) const;
  const std::unordered_map<FlowKey, KnownFlow, passes::FlowKeyHash>& flows() const {
    return flows_;
  }

  // Load of each queue: packets per second of its flows.
  const std::vector<double>& load() const { return load_; }
  // The flow whose move takes most from the busiest queue of those that rules feed, and where to;
  // nullopt: no move makes the busiest one less busy by more than `least` of it.
  std::optional<std::pair<FlowKey, unsigned>> best_move(double least) const;

 private:
  bool fed_by_rules(unsigned queue) const;
  unsigned least_loaded() const;
  const passes::Inputs& in_;
  plan::Configuration card_;  // without rules
  passes::Steering steering_;
  struct Table {
    std::string name;
    unsigned left = 0;
  };
  std::vector<Table> tables_;  // in the order in which the card asks them
  std::vector<double> load_;
  std::vector<bool> flows_only_;  // by queue: the class of its residue
  std::unordered_map<FlowKey, KnownFlow, passes::FlowKeyHash> flows_;
  bool predictable_ = true;
  std::uint64_t next_id_ = 0;
};

}  // namespace weft::planner
