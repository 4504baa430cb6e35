// Pictures of graphs, in the language of graphviz.
#pragma once

#include <string>

#include "compiler/ir/graph.h"

namespace weft::ir {

// Kinds by shape, fates by colour, spawn edges dashed; a box for each `cluster`.
std::string to_dot(const Graph& graph);

}  // namespace weft::ir
