// Makes a counterexample one that can be replayed: among the packets that show the difference, one
// for which the real tables and the real hash answer as the solver's model says.
#pragma once

#include "compiler/passes/pipeline.h"
#include "compiler/passes/symbolic.h"

namespace weft::passes {

// The session is satisfiable, and its scope ends with the counterexample. Adds what can be had: a
// short frame, a flow that is in the tables or is not, the queue that the key and the indirection
// table really give (`hashed`: the queue is the hash's choice, not a rule's). Afterwards the
// session has a model. False: for every such packet the tables or the hash would answer otherwise.
bool prefer_real(Symbolic& symbolic, const Inputs& inputs, const plan::Plan& plan, bool hashed);

}  // namespace weft::passes
