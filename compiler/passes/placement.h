// Part of the pass "choose": where each endpoint's application runs, by what a request costs the
// net core that way.
#pragma once

#include "compiler/passes/pipeline.h"

namespace weft::passes {

// As the endpoint wishes; else what costs least of what the runtime can run. The plan says why.
std::vector<plan::Placed> placements(const Inputs& inputs);

// What one request costs the net core beside the stack, cycles: the application itself, or the two
// rings (there and back) that it is behind, or both.
double app_cycles(const ir::Endpoint& endpoint, ir::Placement how, double ring);

}  // namespace weft::passes
