// Rules of a card in a proof: what they match, and where that goes.
#pragma once

#include <vector>

#include "compiler/ir/nic_model.h"
#include "compiler/passes/flow_terms.h"
#include "compiler/passes/symbolic.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

// One flow and nothing else, as far as the driver looks.
bool is_plain_flow_rule(const ir::FilterTable& table, const plan::Filter& rule,
                        const ir::FieldTable& fields);

// The rules of a table as a proof reads them, in the table's order: those of single flows come
// first and are known by one symbolic lookup, the others behind them are listed as they stand (all
// are, in another order).
struct TableRules {
  std::vector<const plan::Filter*> flows, listed;
};
TableRules rules_of_table(const ir::Node& table, const plan::Configuration& card,
                          const ir::FieldTable& fields);

// Does the incoming packet match the rule? (Where the table applies to it at all.)
smt::Term hits(Symbolic& symbolic, const ir::FilterTable& table, const plan::Filter& rule);

// A table of rules as terms: is the packet in it, and if so which queue and mark.
struct RuleTerms {
  smt::Term member, queue, mark, marked;
  bool of_flows = false;         // all of them flows of the workload
  smt::Term of_groups;           // it is one that names several queues
  std::vector<smt::Term> known;  // of every packet
};

// `facts` say what is true of rules of single flows. A pinned packet asks every rule that may be
// about it as it stands.
RuleTerms rule_terms(Symbolic& symbolic, const ir::NicModel& nic, const plan::Configuration& card,
                     const ir::Node& table, const TableFacts& facts, const KeyTerms& key,
                     const Pinned& pinned);

}  // namespace weft::passes
