// The plan's finite tables against the workload's, entry by entry. What holds for all entries is
// used in the proof as one fact; an entry for which it fails is looked at by itself, and left out
// of the fact.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/passes/flow_terms.h"
#include "compiler/passes/pipeline.h"

namespace weft::passes {

// A flow key about which plan, card and workload may disagree.
struct Suspect {
  FlowKey key;
  std::optional<unsigned> endpoint;       // by the workload; nullopt: no such flow
  std::optional<unsigned> owner;          // queue, by the plan; nullopt: in no shard's table
  std::optional<unsigned> plan_endpoint;  // by the plan
  std::string why;                        // "flow f3 arrives on queue 1, its state is on queue 2"
};

struct TableCheck {
  TableFacts facts;
  std::vector<Suspect> suspects;
};

TableCheck check_tables(const plan::Plan& plan, const Inputs& inputs);

// Everything about the plan that needs no packet: inputs unchanged, values in range, capacities and
// shapes of the card's tables, every queue with one residue and one core.
diag::Result<void> check_plan(const plan::Plan& plan, const Inputs& inputs);

// The part of it that one rule can be asked for: its table, queue, fields, priority and mark.
diag::Result<void> check_rule(const plan::Filter& rule, const plan::Configuration& config,
                              const Inputs& inputs);

// "10.7.0.1:40000 to 10.7.0.2:7"
std::string flow_text(const FlowKey& key);
// The flow that a rule names with all bits of addresses and ports; nullopt: it names others, too.
std::optional<FlowKey> key_of(const plan::Filter& rule);

}  // namespace weft::passes
