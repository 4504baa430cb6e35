#include "runtime/engine/graph_code.h"

#include <fmt/format.h>

#include <optional>

#include "runtime/engine/expr_code.h"
#include "stack-nodes/core.h"
#include "stack-nodes/registry.h"

namespace weft::engine {
namespace {

using diag::Result;
using ir::NodeKind;
using Op = Instruction::Op;
using At = std::uint32_t;

diag::Error refuse(const ir::Node& node, const std::string& why) {
  return diag::Diagnostic{.code = "E0621",
                          .message = fmt::format("node `{}`: {}", node.id, why),
                          .span = node.span,
                          .help = "the plan was made by another version of weft; compile it again"};
}

// Nodes are compiled from the last to the first, so that where an exit leads is always known.
class GraphCompiler {
 public:
  GraphCompiler(const ir::Graph& graph, const ir::EdgeTable& edges, const ir::FieldTable& fields,
                const Core& core, bool traced)
      : graph_(graph), edges_(edges), exprs_(fields, core, made_.code), traced_(traced) {}

  Result<GraphCode> compile() {
    made_.begin.resize(boost::num_vertices(graph_.g));
    impossible_ = add(Op::impossible);
    made_.of.push_back(0);
    for (auto v = edges_.order.rbegin(); v != edges_.order.rend(); ++v) {
      auto begin = node(*v);
      if (!begin) return diag::fail(begin.error());
      made_.begin[*v] = *begin;
      made_.of.resize(made_.code.instructions.size(), *v);
    }
    return std::move(made_);
  }

 private:
  Result<At> node(ir::Vertex v);
  Result<At> match(ir::Vertex v);
  Result<At> items(ir::Vertex v);
  Result<At> body(ir::Vertex v);

  At add(Op op, std::uint32_t index = 0, At yes = 0) {
    Instruction i;
    i.op = op;
    i.index = index;
    i.yes = yes;
    made_.code.instructions.push_back(i);
    return static_cast<At>(made_.code.instructions.size() - 1);
  }
  At trace(ir::Vertex v, std::uint16_t port, At next) {
    if (!traced_) return next;
    const At at = add(Op::trace, static_cast<std::uint32_t>(v), next);
    made_.code.instructions[at].offset = port;
    return at;
  }
  At end(ir::Vertex v, Op op) { return trace(v, no_port, add(op)); }
  // Where a packet goes that leaves `v` by `port`; `instead` of the port's own target.
  At exit(ir::Vertex v, unsigned port, std::optional<ir::Vertex> instead = {}) {
    const auto to = graph_.next(v, port);
    At at = !to ? impossible_ : made_.begin[instead.value_or(*to)];
    if (to && edges_.counted(v, port)) at = add(Op::count, *edges_.index(v, port), at);
    return trace(v, static_cast<std::uint16_t>(port), at);
  }
  At test(Body body, At yes, At no) {
    const At at = add(Op::test, 0, yes);
    made_.code.instructions[at].no = no;
    made_.code.instructions[at].body = body;
    return at;
  }

  const ir::Graph& graph_;
  const ir::EdgeTable& edges_;
  GraphCode made_;
  ExprCompiler exprs_;
  bool traced_;
  At impossible_ = 0;
};

Result<At> GraphCompiler::node(ir::Vertex v) {
  const ir::Node& node = graph_.node(v);
  const bool leads_on = !edges_.of_vertex[v].empty();
  switch (node.kind) {
    case NodeKind::match: return match(v);
    case NodeKind::conjunction:
    case NodeKind::disjunction: return items(v);
    case NodeKind::test:
    case NodeKind::effect: return body(v);
    case NodeKind::wire: return leads_on ? exit(v, 0) : end(v, Op::transmit);
    case NodeKind::endpoint:
      if (leads_on) return exit(v, 0);
      return end(v, node.impl == "application" ? Op::deliver : Op::release);
    case NodeKind::drop: return end(v, Op::release);
    case NodeKind::config:
    case NodeKind::queue:
    case NodeKind::exception: break;
  }
  return diag::fail(
      refuse(node, fmt::format("a {} node cannot be run on a core", ir::to_string(node.kind))));
}

Result<At> GraphCompiler::match(ir::Vertex v) {
  const ir::Node& node = graph_.node(v);
  At next = impossible_;
  for (unsigned port = static_cast<unsigned>(node.ports.size()); port-- > 0;) {
    auto made = exprs_.branch(node.ports[port].when, exit(v, port), next);
    if (!made) return made;
    next = *made;
  }
  return next;
}

// `and`: the first item that fails decides; `or`: the first that holds. Port 0 is for the others.
Result<At> GraphCompiler::items(ir::Vertex v) {
  const ir::Node& node = graph_.node(v);
  const bool all = node.kind == NodeKind::conjunction;
  At next = exit(v, 0);
  for (auto item = node.items.rbegin(); item != node.items.rend(); ++item) {
    const auto port = graph_.port(v, item->id);
    if (!port) return diag::fail(refuse(node, fmt::format("item `{}` has no port", item->id)));
    const At out = exit(v, *port);
    const At yes = all ? next : out;
    At no = all ? out : next;
    if (!item->test.empty()) {
      const nodes::Entry* entry = nodes::find(item->test);
      if (entry == nullptr || entry->decl->kind != nodes::Kind::test)
        return diag::fail(refuse(node, fmt::format("there is no test `{}`", item->test)));
      no = test(entry->run_each, yes, no);
    }
    // An item with a test alone is that test; its fact, if it has one, comes before it.
    auto made =
        item->when || item->test.empty() ? exprs_.branch(item->when, yes, no) : Result<At>(no);
    if (!made) return made;
    next = *made;
  }
  return next;
}

Result<At> GraphCompiler::body(ir::Vertex v) {
  const ir::Node& node = graph_.node(v);
  const nodes::Entry* entry = nodes::find(node.impl);
  if (entry == nullptr)
    return diag::fail(refuse(node, fmt::format("there is no stack node `{}`", node.impl)));
  std::optional<ir::Vertex> carried;  // port 0: the packet's buffer goes on there as an answer
  if (entry->decl->reuses_buffer) {
    for (const auto& [slot, to] : graph_.spawns(v)) {
      if (ir::carries_buffer(slot)) carried = to;
    }
  }
  std::vector<At> exits;
  const auto names = nodes::split(entry->decl->ports);
  for (const std::string& name : names) {
    auto port = graph_.port(v, name);
    // A node with one port may call it by `next:` alone.
    if (!port && names.size() == 1 && node.ports.size() == 1) port = 0;
    exits.push_back(port ? exit(v, *port, exits.empty() ? carried : std::nullopt) : impossible_);
  }
  const At at = add(Op::call, static_cast<std::uint32_t>(made_.code.targets.size()));
  made_.code.instructions[at].body = entry->run_each;
  made_.code.targets.insert(made_.code.targets.end(), exits.begin(), exits.end());
  return at;
}

}  // namespace

Result<GraphCode> compile_graph(const ir::Graph& graph, const ir::EdgeTable& edges,
                                const ir::FieldTable& fields, const Core& core, bool traced) {
  if (edges.order.empty() && boost::num_vertices(graph.g) != 0)
    return diag::fail(refuse(graph.node(0), "the residue goes round in a circle"));
  return GraphCompiler(graph, edges, fields, core, traced).compile();
}

}  // namespace weft::engine
