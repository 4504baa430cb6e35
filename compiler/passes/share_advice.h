// Part of the pass "choose": whether a refused workload could be planned if endpoints shared their
// queues. Found by trying, so what is advised does.
#pragma once

#include <functional>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

// Could it be chosen so?
using Chosen = std::function<bool(const Inputs&)>;

// Adds to a refusal (E0801, E0803) the one `exclusive:` that would do to leave out, or that all of
// them would.
void advise_sharing(const Inputs& inputs, const Chosen& chosen, diag::Diagnostic& refusal);

}  // namespace weft::passes
