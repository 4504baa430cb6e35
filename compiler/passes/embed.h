// Pass "embed": the protocol graph specialised by what the card's configuration makes true.
// Pre: configuration complete. Post: one residue for each class of queues, and a fate with its
// reason for every node and every condition of the protocol graph.
#pragma once

#include "compiler/passes/choose.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

diag::Result<void> embed(const Inputs& inputs, const Choice& choice, plan::Plan& plan);

// Says for each queue which of the residues it runs: the first, or the second where there is one
// and the queue is closed.
void residues_to_queues(const Choice& choice, plan::Plan& plan);

}  // namespace weft::passes
