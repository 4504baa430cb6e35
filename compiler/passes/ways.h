// Part of the pass "choose": which of several plans it is, by the workload's order of objectives
// (objectives.h), and whose packets are copied (isolate.h).
#pragma once

#include <functional>

#include "compiler/passes/isolate.h"

namespace weft::passes {

// A choice, and the plan without a proof that comes of it. `late`: no more shall be tried.
using Late = std::function<bool()>;
diag::Result<void> decide(const Inputs& inputs, const Options& options, const Late& late,
                          plan::Plan& plan);

// Whose packets are copied: each way is drafted, and its figures compared.
diag::Result<Isolated> by_copies(const Inputs& inputs, Options options, const Late& late);

}  // namespace weft::passes
