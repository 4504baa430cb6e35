// A residue as instructions.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/edges.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"
#include "runtime/engine/code.h"

namespace weft::engine {

struct GraphCode {
  Code code;
  std::vector<std::uint32_t> begin;  // by vertex: where its instructions begin
  std::vector<ir::Vertex> of;        // by instruction: the vertex that it is of
};

// `traced`: with an instruction for each node that tells a trace. Errors: E0620 (see ExprCompiler),
// E0621 (no such stack node, its ports do not fit, a node that is none for a core, a cycle).
diag::Result<GraphCode> compile_graph(const ir::Graph& graph, const ir::EdgeTable& edges,
                                      const ir::FieldTable& fields, const Core& core, bool traced);

}  // namespace weft::engine
