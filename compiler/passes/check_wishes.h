// Part of verification: does the plan keep what the workload asks of queues and cores? Reads
// nothing but the plan and the inputs; how the queues were chosen does not matter.
#pragma once

#include <optional>

#include "compiler/passes/flow_terms.h"
#include "compiler/passes/leaves.h"
#include "compiler/passes/pipeline.h"
#include "compiler/passes/wishes.h"

namespace weft::passes {

// What needs no packet: an endpoint's words in the plan, where its application runs, its core, and
// that the priority class is polled first. E0523, at the wish.
diag::Result<void> check_wishes(const plan::Plan& plan, const Inputs& inputs);

// How what a counterexample "expects" begins where all that is wrong is a wish; which one:
// wish_broken.
inline constexpr const char* where_wanted = "arrives where the workload wants it";
// ... and where a known flow is handed over to the queue that the plan has it on.
inline constexpr const char* where_planned = "arrives where the plan has it";
std::optional<Breach> wish_broken(const plan::Plan& plan, const Inputs& inputs, const FlowKey& key,
                                  unsigned queue);

// A known flow that the plan has on a queue where it must not be; one that others disturb, where
// there is none.
struct Misplaced {
  FlowKey key;
  unsigned endpoint = 0;
  unsigned queue = 0;
  Breach breach;
};
std::optional<Misplaced> misplaced_flow(const plan::Plan& plan, const Inputs& inputs);

// All other packets: one that the card brings to a queue where it must not be, and that the
// protocol graph gives to an endpoint. The session holds what is assumed of every packet; `spec`:
// ends of the protocol graph from the wire. One question for endpoints with the same queues, where
// not all will do.
std::optional<Counterexample> misplaced_stranger(Symbolic& symbolic, const plan::Plan& plan,
                                                 const Inputs& inputs, const TableFacts& facts,
                                                 const Leaves& spec);

}  // namespace weft::passes
