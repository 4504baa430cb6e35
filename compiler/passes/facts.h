// What a configuration makes true of every packet that arrives on a class of queues.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/nic_model.h"
#include "compiler/passes/symbolic.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

struct Fact {
  std::string because;  // for people: "rx.promiscuous off", "only rules of ntuple5 feed the queue"
  smt::Term holds;
};

// "any": whatever no rule catches, and rules too. "flows": nothing but packets that hit a rule.
enum class QueueClass { any, flows };

// `sources_answer`: all flows of the workload come from addresses that can be answered
// (flow_sources.h).
std::vector<Fact> facts_of(Symbolic& symbolic, const ir::NicModel& nic,
                           const plan::Configuration& config, QueueClass queue_class,
                           const std::vector<std::string>& feeding_tables, bool sources_answer);

// Longest frame that the card lets in, in bytes without FCS.
unsigned longest_frame(const ir::NicModel& nic);

}  // namespace weft::passes
