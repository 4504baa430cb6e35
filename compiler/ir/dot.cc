#include "compiler/ir/dot.h"

#include <fmt/format.h>

#include <map>

namespace weft::ir {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

const char* shape(NodeKind kind) {
  switch (kind) {
    case NodeKind::match: return "diamond";
    case NodeKind::test: return "hexagon";
    case NodeKind::conjunction: return "trapezium";
    case NodeKind::disjunction: return "invtrapezium";
    case NodeKind::effect: return "box";
    case NodeKind::config: return "component";
    case NodeKind::queue: return "cylinder";
    case NodeKind::endpoint: return "house";
    case NodeKind::drop: return "octagon";
    case NodeKind::wire: return "cds";
    case NodeKind::exception: return "doubleoctagon";
  }
  return "box";
}

// What a node costs the core: nothing, a look at the descriptor, a word in it, or the work.
const char* colour(const Node& node) {
  if (node.kind == NodeKind::drop) return "#f4d9d6";
  switch (node.fate) {
    case Fate::software: return "#ffffff";
    case Fate::gone: return "#e4e4e4";
    case Fate::read: return "#d5e8d4";
    case Fate::card: return "#d6e4f5";
    case Fate::handover: return "#fff2cc";
  }
  return "#ffffff";
}

std::string label(const Node& node) {
  std::string text = escaped(node.id);
  if (node.count > 1) text += fmt::format(" x {}", node.count);
  if (!node.impl.empty()) text += "\\n" + escaped(node.impl);
  if (!node.config.knob.empty()) text += "\\nknob " + escaped(node.config.knob);
  for (const Item& item : node.items) {
    text += "\\n" + escaped(item.id);
    if (item.fate != Fate::software) text += fmt::format(" ({})", to_string(item.fate));
  }
  return text;
}

std::string statement(const Graph& graph, Vertex v) {
  const Node& node = graph.node(v);
  std::string tip = node.why.empty() ? node.meaning : node.why;
  if (tip.empty()) tip = node.id;
  return fmt::format("  \"{}\" [shape={}, fillcolor=\"{}\", label=\"{}\", tooltip=\"{}\"];\n",
                     escaped(node.id), shape(node.kind), colour(node), label(node), escaped(tip));
}

std::string arrow(const Graph& graph, const Digraph::edge_descriptor& e) {
  const Node& from = graph.node(boost::source(e, graph.g));
  const Node& to = graph.node(boost::target(e, graph.g));
  const Edge& edge = graph.g[e];
  std::string style;
  if (edge.spawn) {
    // The ways of packets give the picture its order; spawns run back across it.
    style = fmt::format("style=dashed, constraint=false, color=\"#5570a0\", label=\"{}\"",
                        escaped(edge.slot));
  } else if (edge.port < from.ports.size() && from.ports[edge.port].name != "out") {
    style = fmt::format("label=\"{}\"", escaped(from.ports[edge.port].name));
  }
  if (to.kind == NodeKind::drop)
    style += style.empty() ? "color=\"#b07a74\"" : ", color=\"#b07a74\"";
  return fmt::format("  \"{}\" -> \"{}\"{};\n", escaped(from.id), escaped(to.id),
                     style.empty() ? "" : " [" + style + "]");
}

}  // namespace

std::string to_dot(const Graph& graph) {
  std::string out = fmt::format("digraph \"{}\" {{\n", escaped(graph.name));
  out += fmt::format("  label=\"{}\"; labelloc=t; rankdir=TB; newrank=true;\n",
                     escaped(graph.title.empty() ? graph.name : graph.title));
  out += "  node [style=filled, fontname=\"sans-serif\", fontsize=10];\n";
  out += "  edge [fontname=\"sans-serif\", fontsize=9];\n";
  std::map<std::string, std::vector<Vertex>> boxes;
  for (auto [v, end] = boost::vertices(graph.g); v != end; ++v) {
    boxes[graph.node(*v).cluster].push_back(*v);
  }
  for (const auto& [name, members] : boxes) {
    const bool box = !name.empty() && members.size() > 1;
    if (box) {
      out += fmt::format("  subgraph \"cluster_{}\" {{\n  label=\"{}\"; color=\"#bbbbbb\";\n",
                         escaped(name), escaped(name));
    }
    for (const Vertex v : members) out += statement(graph, v);
    if (box) out += "  }\n";
  }
  for (auto [e, end] = boost::edges(graph.g); e != end; ++e) out += arrow(graph, *e);
  return out + "}\n";
}

}  // namespace weft::ir
