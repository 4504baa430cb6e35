// Part of "prove": faults that tables and rules show by themselves. The solver is asked for a
// packet all the same, for people to look at and to send.
#pragma once

#include <optional>

#include "compiler/passes/pipeline.h"
#include "compiler/passes/proof_world.h"
#include "compiler/passes/rule_overlap.h"

namespace weft::passes {

// A packet that both rules match, where there is one: the wrong one of them counts, or either.
std::optional<Counterexample> packet_of_both(ProofWorld& world, const RulePair& rules);

// A known flow that does not arrive where the plan has it, though it is handed over to there; or
// that the plan has where it may not be.
std::optional<Counterexample> flow_elsewhere(const plan::Plan& plan, const Inputs& inputs,
                                             const TableCheck& tables);

}  // namespace weft::passes
