// One way through a residue as one C++ function: a loop over the packets of a batch, and in it a
// labelled block for every node that can be reached.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/codegen/expr_code.h"
#include "compiler/ir/edges.h"
#include "compiler/ir/graph.h"
#include "stack-nodes/registry.h"

namespace weft::codegen {

// What all functions of one residue share.
struct ResidueContext {
  const ir::Graph& graph;
  const ir::EdgeTable& edges;
  ExprCompiler& expressions;
  std::set<std::string>& includes;  // headers of the stack nodes used
};

struct FunctionSpec {
  std::string name;
  ir::Vertex start;
  // Nodes with a table that may miss the cache: packets that come to one of them are prefetched for
  // and wait there; the function gets a generated::Waiting for each, in this order. Empty: fused.
  std::vector<ir::Vertex> stops;
  bool resumes = false;  // runs the packets that wait in front of `start`, not the whole batch
};

diag::Result<std::string> write_function(const ResidueContext& context, const FunctionSpec& spec);

// All vertices that packets entering at `start` can reach; what lies behind `stops` is left out.
std::set<ir::Vertex> reachable(const ir::Graph& graph, ir::Vertex start,
                               const std::vector<ir::Vertex>& stops);

// The stack node of an effect or test, or an error that says what is missing.
diag::Result<const nodes::Entry*> stack_node(const std::string& name, const diag::Span& span);

// One line without line breaks, for a comment.
std::string comment(std::string_view text);

}  // namespace weft::codegen
