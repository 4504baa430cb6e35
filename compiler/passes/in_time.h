// Part of the pass "choose": what becomes of a plan in which somebody waits longer than his `p99:`
// allows (E0804). He gets queues of his own, and the balance of cores does the rest; where that is
// not enough either, what would do is tried before it is advised.
#pragma once

#include <functional>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

// A plan for these inputs, or why there is none.
using Try = std::function<diag::Result<void>(const Inputs&, const Options&)>;

// As `attempt` does with `inputs` or, one endpoint after the other, with those apart who would wait
// too long. Errors: that of the inputs as they are, with advice that was tried.
diag::Result<void> in_time(const Inputs& inputs, const Options& options, const Try& attempt);

}  // namespace weft::passes
