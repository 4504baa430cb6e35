// What a packet costs in a residue, or in the protocol graph, by the cycles of its nodes.
#pragma once

#include "compiler/passes/choose.h"

namespace weft::passes {

// Predicted cycles for a datagram that goes from the wire to an application, and for its answer:
// the way over every node's first port that leads there. `handovers`: with those on that way which
// pass packets on.
double cycles_of(const ir::Graph& graph, const Costs& costs, bool handovers = true);

}  // namespace weft::passes
