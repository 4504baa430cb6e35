// What one node of a residue becomes in C++: the parts that the general function (general_code.h)
// and the straight ways (straight_code.h) share.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "compiler/codegen/expr_code.h"
#include "compiler/ir/edges.h"
#include "compiler/ir/graph.h"
#include "stack-nodes/registry.h"

namespace weft::codegen {

// What all functions of one residue share.
struct ResidueContext {
  const ir::Graph& graph;
  const ir::EdgeTable& edges;
  const ir::FieldTable& fields;
  ExprCompiler& expressions;
  std::set<std::string>& includes;  // headers of the stack nodes used
  std::set<ir::Vertex> entered;     // where the general function is entered: enumerators of At
  bool nowhere = false;             // ... and At::nowhere, for a port that leads nowhere

  const ir::Node& node(ir::Vertex v) const { return graph.node(v); }
  std::string label(ir::Vertex v) const { return identifier(node(v).id); }
  // Is this the port that most packets take: the first that leads somewhere?
  bool hot(ir::Vertex v, unsigned port) const;
  // That port, and where it leads; none at the end of a way.
  std::optional<std::pair<unsigned, ir::Vertex>> usual(ir::Vertex v) const;
  // "++core.edges[7]; ", or "" for a hot port, which is not counted but derived.
  std::string counted(ir::Vertex v, unsigned port) const;
};

// All vertices that packets entering at `start` can reach.
std::set<ir::Vertex> reachable(const ir::Graph& graph, ir::Vertex start);

// What the stack node of an effect declares; null for other nodes.
const nodes::NodeDecl* declaration(const ir::Node& node);
// The stack node of an effect or test, or an error that says what is missing (E0518).
diag::Result<const nodes::Entry*> stack_node(const std::string& name, const diag::Span& span);
// Its name in C++; its header is included.
diag::Result<std::string> type_of(ResidueContext& c, const std::string& impl,
                                  const diag::Span& span);

// A port of an effect: its name in the node's declaration, and where it leads.
struct Way {
  std::string name;
  std::optional<unsigned> port;  // of the graph's node; none: the residue has no such port
  std::optional<ir::Vertex> to;
};
// In declared order. An answer in the packet's own buffer goes on from the first port at the
// spawn's target.
diag::Result<std::vector<Way>> ways_of(const ResidueContext& c, ir::Vertex v);

// A condition of an and- or or-node as C++: its comparison, or else its test.
diag::Result<std::string> item_test(ResidueContext& c, const ir::Item& item);
// In which order conditions are asked: comparisons as declared (a length is checked before what it
// protects), then the tests, which read more.
std::vector<std::size_t> asking_order(const ir::Node& node);

bool is_application(const ir::Node& node);
// A wire or endpoint where a way begins and that leads on.
bool begins_way(const ResidueContext& c, ir::Vertex v);

// --- text --------------------------------------------------------------------------------------

// "match, software: why; meaning"
std::string heading(const ir::Node& node);
// What stands behind a condition: its name, fate and reason.
std::string remark(const ir::Item& item);
// Long conditions over several lines.
std::string wrapped(const std::string& test);
// One line without line breaks, for a comment.
std::string comment(std::string_view text);

}  // namespace weft::codegen
