#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "compiler/frontend/graph_parts.h"

namespace weft::frontend {
namespace {

using ir::Graph;
using ir::NodeKind;
using ir::Vertex;

bool has_successor(const Graph& graph, Vertex v) {
  for (auto [at, end] = boost::out_edges(v, graph.g); at != end; ++at) {
    if (!graph.g[*at].spawn) return true;
  }
  return false;
}

// Where packets come from: wires and queues with a successor, nodes that name a slot.
bool is_source(const Graph& graph, Vertex v) {
  const ir::Node& node = graph.node(v);
  if (!node.slots.empty()) return true;
  const bool kind = node.kind == NodeKind::wire || node.kind == NodeKind::queue;
  return kind && has_successor(graph, v);
}

// A knob of the card as a whole, beside the way of the packets.
bool stands_alone(const Graph& graph, Vertex v) {
  return graph.node(v).kind == NodeKind::config && boost::in_degree(v, graph.g) == 0 &&
         boost::out_degree(v, graph.g) == 0;
}

void check_reachable(const Graph& graph, const Value& at) {
  std::vector<Vertex> work;
  std::vector<bool> seen(boost::num_vertices(graph.g), false);
  for (Vertex v = 0; v < seen.size(); ++v) {
    if (is_source(graph, v)) work.push_back(v);
  }
  if (work.empty()) {
    at.report({.code = "E0230",
               .message = "no packet can enter this graph",
               .span = graph.span,
               .help = "a node `kind: wire` with `next` is where packets come from"});
    return;
  }
  for (const Vertex v : work) seen[v] = true;
  while (!work.empty()) {
    const Vertex v = work.back();
    work.pop_back();
    for (auto [edge, end] = boost::out_edges(v, graph.g); edge != end; ++edge) {
      const Vertex to = boost::target(*edge, graph.g);
      if (!seen[to]) work.push_back(to);
      seen[to] = true;
    }
  }
  for (Vertex v = 0; v < seen.size(); ++v) {
    if (seen[v] || stands_alone(graph, v)) continue;
    const ir::Node& node = graph.node(v);
    at.report({.code = "E0222",
               .message = fmt::format("no packet can reach `{}`", node.id),
               .span = node.span,
               .help = "let a port lead to it, or remove it"});
  }
}

// Edges into a source would let a packet enter twice.
void check_sources(const Graph& graph, const Value& at) {
  for (auto [edge, end] = boost::edges(graph.g); edge != end; ++edge) {
    if (graph.g[*edge].spawn) continue;
    const ir::Node& to = graph.node(boost::target(*edge, graph.g));
    const bool kind =
        to.kind == NodeKind::wire || to.kind == NodeKind::queue || to.kind == NodeKind::endpoint;
    if (!kind || !has_successor(graph, boost::target(*edge, graph.g))) continue;
    const ir::Node& from = graph.node(boost::source(*edge, graph.g));
    at.report(
        {.code = "E0230",
         .message = fmt::format("`{}` leads into `{}`, where packets come from", from.id, to.id),
         .span = from.span,
         .notes = {{.text = fmt::format("`{}` has a `next`, so it is a source", to.id),
                    .span = to.span}},
         .help = "a wire, queue or endpoint that ends a way has no `next`"});
  }
}

class CycleFinder {
 public:
  explicit CycleFinder(const Graph& graph)
      : graph_(graph), state_(boost::num_vertices(graph.g), State::fresh) {}

  // The nodes of one cycle in order, or nothing.
  std::vector<Vertex> run() {
    for (Vertex v = 0; v < state_.size(); ++v) {
      if (state_[v] == State::fresh && visit(v)) return cycle_;
    }
    return {};
  }

 private:
  enum class State { fresh, open, done };
  struct Frame {
    Vertex v;
    std::vector<Vertex> next;
    std::size_t at = 0;
  };

  Frame frame(Vertex v) {
    state_[v] = State::open;
    Frame f{.v = v};
    for (auto [edge, end] = boost::out_edges(v, graph_.g); edge != end; ++edge) {
      if (!graph_.g[*edge].spawn) f.next.push_back(boost::target(*edge, graph_.g));
    }
    return f;
  }

  // Without recursion: a graph may be a million nodes long.
  bool visit(Vertex start) {
    std::vector<Frame> way = {frame(start)};
    while (!way.empty()) {
      Frame& top = way.back();
      if (top.at == top.next.size()) {
        state_[top.v] = State::done;
        way.pop_back();
        continue;
      }
      const Vertex to = top.next[top.at++];
      if (state_[to] == State::open) return found(way, to);
      if (state_[to] == State::fresh) way.push_back(frame(to));
    }
    return false;
  }

  bool found(const std::vector<Frame>& way, Vertex to) {
    auto from = std::find_if(way.begin(), way.end(), [&](const Frame& f) { return f.v == to; });
    for (; from != way.end(); ++from) cycle_.push_back(from->v);
    return true;
  }

  const Graph& graph_;
  std::vector<State> state_;
  std::vector<Vertex> cycle_;
};

void check_cycles(const Graph& graph, const Value& at) {
  const std::vector<Vertex> cycle = CycleFinder(graph).run();
  if (cycle.empty()) return;
  std::string names;
  diag::Diagnostic d{.code = "E0223", .span = graph.node(cycle.front()).span};
  for (const Vertex v : cycle) {
    names += graph.node(v).id + " -> ";
    if (v != cycle.front() && d.notes.size() < 8) {
      d.notes.push_back(
          {.text = fmt::format("by way of `{}`", graph.node(v).id), .span = graph.node(v).span});
    }
  }
  d.message =
      fmt::format("a packet could go round for ever: {}{}", names, graph.node(cycle.front()).id);
  d.help = "what comes again is another packet: use `spawn`";
  at.report(std::move(d));
}

// A slot whose packets the engine runs as a batch of their own begins at one node. The slots that
// carry the packet's own buffer on begin wherever each spawn edge says.
void check_slots(const Graph& graph, const Value& at) {
  std::map<std::string, Vertex> bound;
  const auto bind = [&](const std::string& slot, Vertex to, Vertex who) {
    if (slot == "reply" || slot == "icmp_error") return;
    const auto [first, fresh] = bound.emplace(slot, to);
    if (fresh || first->second == to) return;
    at.report({.code = "E0226",
               .message = fmt::format("slot `{}` begins at `{}` and at `{}`", slot,
                                      graph.node(first->second).id, graph.node(to).id),
               .span = graph.node(who).span,
               .help = "let all nodes that fill a slot spawn into the same node"});
  };
  for (Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    for (const std::string& slot : graph.node(v).slots) bind(slot, v, v);
    for (const auto& [slot, to] : graph.spawns(v)) bind(slot, to, v);
  }
}

}  // namespace

void check_structure(const Graph& graph, bool residue, const Value& at) {
  const std::size_t before = at.error_count();
  check_slots(graph, at);
  check_sources(graph, at);
  if (at.error_count() == before) check_cycles(graph, at);
  // What a residue leaves over is the embedder's and the proof's business.
  if (!residue && at.error_count() == before) check_reachable(graph, at);
}

}  // namespace weft::frontend
