// Part of verification: whose memory is whose. Reads nothing but the plan and the inputs.
#pragma once

#include <string>

#include "compiler/passes/pipeline.h"
#include "compiler/plan/operation.h"

namespace weft::passes {

// Each queue fills one region; a region of one trust group is filled by rules for that group alone;
// a process maps no region in which packets of another group may lie; sizes are what queues, cores
// and processes need. Errors: E0522.
diag::Result<void> check_memory(const plan::Plan& plan, const Inputs& inputs);

// While a stack runs: why the operation would bring packets into memory of others; "" if not. Pre:
// the plan in front of it passes.
std::string astray(const plan::Plan& plan, const plan::Operation& operation);

}  // namespace weft::passes
