// What is done to a running stack, one step at a time. Each operation takes one plan to the next;
// every plan in between can be verified, and every operation can be taken back.
//
// In what order is a matter of "make before break": state before the rule that needs it, the rule
// away before the state behind it, and in between a `drain`, which waits until no packet is left
// that the card delivered earlier.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"
#include "compiler/plan/plan.h"

namespace weft::plan {

struct Operation {
  enum class Kind {
    add_flow,         // `flow`: an entry on the shard of flow.queue
    remove_flow,      // `flow`, as it is
    move_flow,        // `flow`, as it is; its entry goes to the shard of `queue`
    create_rule,      // `filter`
    destroy_rule,     // `filter`, as it is
    set_table,        // `entries` of the indirection table: index, queue
    set_residue,      // `queue` is run by `residue` from now on
    drain,            // nothing that arrived on `queue` so far waits any more
    add_endpoint,     // `endpoint`, at `place`, which is vacant or behind the last one
    remove_endpoint,  // `endpoint`, whose `place` becomes vacant
  };
  Kind kind = Kind::drain;
  FlowEntry flow;
  Filter filter;
  unsigned queue = 0;
  std::vector<std::pair<unsigned, std::uint16_t>> entries;
  std::shared_ptr<const Residue> residue;  // its `queues` mean nothing
  ir::Endpoint endpoint;
  unsigned place = 0;
};

// "add_flow", ...
const char* to_string(Operation::Kind kind);
// One line for people: "+ flow 10.7.0.1:40000 -> 10.7.0.2:7 (endpoint 0) on queue 2".
std::string text(const Operation& operation);

// The plan behind the operation. Flows keep their order by key where they have it; predictions and
// the proof stay as they are and mean nothing. E0671, and the plan is as it was: the operation is
// not one for this plan (the flow is there already, the rule is not, ...).
diag::Result<void> apply(const Operation& operation, Plan& plan);

// What takes it back; `before` is the plan in front of it. drain is its own.
Operation inverse(const Operation& operation, const Plan& before);

// What takes back `done`: their inverses (each taken in front of its operation), in reverse order
// and with the drains that this direction needs.
std::vector<Operation> undo(const std::vector<Operation>& done,
                            const std::vector<Operation>& inverses);

// Names a rule by what it matches, not by its id: table, priority, fields with masks.
std::string rule_key(const Filter& filter);

// The flow of UDP that a rule names with all bits of its addresses and ports: where from, and
// where to. nullopt: it is about others, too.
std::optional<FlowEntry> flow_of(const Filter& filter);

// Flows in the order of their keys, as the compiler writes them; apply() keeps it.
void sort_flows(Plan& plan);
FlowEntry* find_flow(Plan& plan, const FlowEntry& key);
const FlowEntry* find_flow(const Plan& plan, const FlowEntry& key);
bool same_flow(const FlowEntry& a, const FlowEntry& b);  // keys alone

// A list of operations, and what is true of the plan behind them.
struct Transition {
  std::vector<Operation> operations;
  std::string workload;  // hash of the workload, as it is then
  Proof proof;           // without the content's hash
};

// As a document, for the way from planner to stack. Strict, like plans.
std::string to_yaml(const std::vector<Operation>& operations);
std::string to_yaml(const Transition& transition);
diag::Result<Transition> transition_from_text(const std::string& text,
                                              const ir::FieldTable& fields);

}  // namespace weft::plan
