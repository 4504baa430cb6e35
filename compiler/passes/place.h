// Pass "place": which core runs which queue, and what that costs.
// Pre: residues. Post: every queue has one core; loads and cycles are predicted.
#pragma once

#include "compiler/passes/choose.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

// Microseconds that 99 of 100 packets of the priority classes take at most; 0: nobody knows.
diag::Result<double> place(const Inputs& inputs, const Choice& choice, plan::Plan& plan);

// Predicted cycles for a datagram that goes from the wire to an application, and for its answer:
// the way over every node's first port.
double cycles_of(const ir::Graph& graph, const Costs& costs);

}  // namespace weft::passes
