// Part of "prove": does the plan spread packets as the workload asks? By the definition of the hash
// alone, bit for bit; how the key was found does not matter.
#pragma once

#include "compiler/passes/pipeline.h"

namespace weft::passes {

// E0521, with two packets that belong on one queue and do not get there. The hash is linear: what
// holds for packets with a single bit set holds for all.
diag::Result<void> check_spread(const plan::Plan& plan, const Inputs& inputs);

}  // namespace weft::passes
