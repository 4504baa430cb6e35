// Canonical text of graphs: fixed order of keys, one line for each port and condition.
#include <fmt/format.h>

#include "compiler/frontend/graph_parts.h"
#include "compiler/frontend/readers.h"

namespace weft::frontend {
namespace {

using ir::Graph;
using ir::Node;
using ir::NodeKind;
using ir::Vertex;

std::string condition(const ir::ExprPtr& e) { return fmt::format("\"{}\"", ir::to_string(e)); }

bool is_join(const Node& n) {
  return n.kind == NodeKind::conjunction || n.kind == NodeKind::disjunction;
}

std::string id(const Graph& graph, Vertex v) { return quote(graph.node(v).id); }

std::string target(const Graph& graph, Vertex v, unsigned port) {
  const auto to = graph.next(v, port);
  return to ? id(graph, *to) : "~";
}

// `yes` and `no` are names where ports are meant.
std::string port_name(const std::string& name) {
  return name == "yes" || name == "no" ? name : quote(name);
}

// Does any node say what became of it, or has it a port that leads nowhere?
bool is_residue(const Graph& graph) {
  for (auto [v, end] = boost::vertices(graph.g); v != end; ++v) {
    const Node& n = graph.node(*v);
    if (n.fate != ir::Fate::software || !n.why.empty()) return true;
    for (const ir::Item& item : n.items) {
      if (item.fate != ir::Fate::software || !item.why.empty()) return true;
    }
    for (unsigned port = 0; port < n.ports.size(); ++port) {
      if (!graph.next(*v, port)) return true;
    }
    if (is_join(n) && n.items.empty()) return true;
    if (n.kind == NodeKind::match && n.ports.empty()) return true;
    if (n.kind == NodeKind::effect && n.ports.empty()) return true;
  }
  return false;
}

// A drop that needs one line. Only those at the end of a graph move into `drops:`, so that vertices
// keep their order.
bool is_plain_drop(const Node& n) {
  return n.kind == NodeKind::drop && n.fate == ir::Fate::software && n.why.empty() &&
         n.reason.empty() && n.counter.empty() && n.source.empty() && n.cluster.empty() &&
         n.slots.empty() && !n.meaning.empty();
}

std::string fate_and_why(ir::Fate fate, const std::string& why) {
  std::string out = fmt::format(", fate: {}", to_string(fate));
  if (!why.empty()) out += ", why: " + quote(why);
  return out;
}

class Printer {
 public:
  Printer(const Graph& graph, bool residue) : graph_(graph), residue_(residue) {}

  std::string node(Vertex v) const {
    const Node& n = graph_.node(v);
    std::string out = fmt::format("  {}:\n    kind: {}\n", quote(n.id), to_string(n.kind));
    if (!n.impl.empty()) out += fmt::format("    impl: {}\n", n.impl);
    if (n.kind == NodeKind::config) out += print_config(n.config);
    if (n.kind == NodeKind::queue) out += fmt::format("    count: {}\n", n.count);
    if (!n.reason.empty()) out += fmt::format("    reason: {}\n", n.reason);
    if (!n.counter.empty()) out += fmt::format("    counter: {}\n", quote(n.counter));
    if (n.slots.size() == 1) out += fmt::format("    slot: {}\n", n.slots.front());
    if (n.slots.size() > 1) out += fmt::format("    slot: [{}]\n", fmt::join(n.slots, ", "));
    out += ways(v, n) + spawns(v);
    if (!n.cluster.empty()) out += fmt::format("    cluster: {}\n", quote(n.cluster));
    if (!n.meaning.empty()) out += fmt::format("    meaning: {}\n", quote(n.meaning));
    if (!n.source.empty()) out += fmt::format("    source: {}\n", quote(n.source));
    if (residue_) out += fmt::format("    fate: {}\n", to_string(n.fate));
    if (!n.why.empty()) out += fmt::format("    why: {}\n", quote(n.why));
    return out;
  }

 private:
  std::string ways(Vertex v, const Node& n) const {
    if (n.kind == NodeKind::match) return match_ports(v, n);
    if (is_join(n)) return items(v, n);
    if (n.ports.empty()) return "";
    const auto next = graph_.next(v, 0);
    if (n.ports.size() == 1 && n.ports[0].name == "out" && next) {
      return fmt::format("    next: {}\n", id(graph_, *next));
    }
    if (n.kind != NodeKind::effect && n.kind != NodeKind::config && n.kind != NodeKind::test) {
      return "";
    }
    std::string list;
    for (unsigned port = 0; port < n.ports.size(); ++port) {
      list += fmt::format("{}{}: {}", port == 0 ? "" : ", ", port_name(n.ports[port].name),
                          target(graph_, v, port));
    }
    return fmt::format("    ports: {{{}}}\n", list);
  }

  std::string match_ports(Vertex v, const Node& n) const {
    if (n.ports.empty()) return "    ports: {}\n";
    std::string out = "    ports:\n";
    for (unsigned port = 0; port < n.ports.size(); ++port) {
      const ir::Port& p = n.ports[port];
      const std::string when = p.when == nullptr ? "otherwise: true" : "when: " + condition(p.when);
      const auto to = graph_.next(v, port);
      out += fmt::format("      {}: {{{}{}}}\n", port_name(p.name), when,
                         to ? ", to: " + id(graph_, *to) : "");
    }
    return out;
  }

  std::string items(Vertex v, const Node& n) const {
    const bool is_and = n.kind == NodeKind::conjunction;
    std::string out = n.items.empty() ? "    of: []\n" : "    of:\n";
    for (unsigned i = 0; i < n.items.size(); ++i) {
      const ir::Item& item = n.items[i];
      out += fmt::format("      - {{id: {}", quote(item.id));
      if (item.when != nullptr) out += ", when: " + condition(item.when);
      if (!item.test.empty()) out += ", test: " + item.test;
      if (const auto to = graph_.next(v, i + 1)) {
        out += fmt::format(", {}: {}", is_and ? "else" : "then", id(graph_, *to));
      }
      if (residue_) out += fate_and_why(item.fate, item.why);
      out += "}\n";
    }
    if (const auto next = graph_.next(v, 0)) {
      out += fmt::format("    next: {}\n", id(graph_, *next));
    }
    return out;
  }

  std::string spawns(Vertex v) const {
    std::string list;
    for (const auto& [slot, to] : graph_.spawns(v)) {
      list += fmt::format("{}{}: {}", list.empty() ? "" : ", ", slot, id(graph_, to));
    }
    return list.empty() ? "" : fmt::format("    spawn: {{{}}}\n", list);
  }

  const Graph& graph_;
  bool residue_;
};

}  // namespace

std::string print_nodes(const Graph& graph) {
  std::string out;
  const Printer printer(graph, false);
  for (auto [v, end] = boost::vertices(graph.g); v != end; ++v) out += printer.node(*v);
  return out;
}

std::string print_graph(const Graph& graph) {
  const bool residue = is_residue(graph);
  const std::size_t count = boost::num_vertices(graph.g);
  std::size_t first_drop = count;
  while (first_drop > 0 && !residue && is_plain_drop(graph.node(first_drop - 1))) --first_drop;

  std::string out = fmt::format("graph: {}\n", quote(graph.name));
  if (!graph.title.empty()) out += fmt::format("title: {}\n", quote(graph.title));
  if (!graph.headers.empty()) out += fmt::format("headers: [{}]\n", fmt::join(graph.headers, ", "));
  if (residue) out += "residue: true\n";
  out += first_drop == 0 ? "\nnodes: {}\n" : "\nnodes:\n";
  const Printer printer(graph, residue);
  for (Vertex v = 0; v < first_drop; ++v) out += printer.node(v);
  if (first_drop < count) out += "\ndrops:\n";
  for (Vertex v = first_drop; v < count; ++v) {
    out += fmt::format("  {}: {}\n", id(graph, v), quote(graph.node(v).meaning));
  }
  return out;
}

}  // namespace weft::frontend
