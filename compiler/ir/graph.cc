#include "compiler/ir/graph.h"

#include <array>
#include <functional>
#include <queue>

namespace weft::ir {
namespace {

constexpr std::array<std::string_view, 11> kind_words = {"match",  "test",   "and",      "or",
                                                         "effect", "config", "queue",    "endpoint",
                                                         "drop",   "wire",   "exception"};
constexpr std::array<std::string_view, 5> fate_words = {"software", "gone", "read", "card",
                                                        "handover"};

}  // namespace

std::string_view to_string(NodeKind kind) { return kind_words[static_cast<std::size_t>(kind)]; }

std::optional<NodeKind> node_kind(std::string_view word) {
  for (std::size_t i = 0; i < kind_words.size(); ++i) {
    if (kind_words[i] == word) return static_cast<NodeKind>(i);
  }
  return std::nullopt;
}

bool is_terminal(NodeKind kind, bool has_successor) {
  switch (kind) {
    case NodeKind::drop:
    case NodeKind::exception: return true;
    case NodeKind::queue:
    case NodeKind::endpoint:
    case NodeKind::wire: return !has_successor;
    default: return false;
  }
}

std::string_view to_string(Fate fate) { return fate_words[static_cast<std::size_t>(fate)]; }

std::optional<Fate> fate(std::string_view word) {
  for (std::size_t i = 0; i < fate_words.size(); ++i) {
    if (fate_words[i] == word) return static_cast<Fate>(i);
  }
  return std::nullopt;
}

Vertex Graph::add(Node node) {
  std::string id = node.id;
  const Vertex v = boost::add_vertex(std::move(node), g);
  index.emplace(std::move(id), v);
  return v;
}

void Graph::connect(Vertex from, unsigned port, Vertex to) {
  boost::add_edge(from, to, Edge{.port = port}, g);
}

void Graph::connect_spawn(Vertex from, std::string slot, Vertex to) {
  boost::add_edge(from, to, Edge{.spawn = true, .slot = std::move(slot)}, g);
}

std::optional<Vertex> Graph::find(std::string_view id) const {
  const auto found = index.find(id);
  if (found == index.end()) return std::nullopt;
  return found->second;
}

std::optional<Vertex> Graph::next(Vertex v, unsigned port) const {
  for (auto [at, end] = boost::out_edges(v, g); at != end; ++at) {
    if (!g[*at].spawn && g[*at].port == port) return boost::target(*at, g);
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, Vertex>> Graph::spawns(Vertex v) const {
  std::vector<std::pair<std::string, Vertex>> out;
  for (auto [at, end] = boost::out_edges(v, g); at != end; ++at) {
    if (g[*at].spawn) out.emplace_back(g[*at].slot, boost::target(*at, g));
  }
  return out;
}

std::optional<unsigned> Graph::port(Vertex v, std::string_view name) const {
  const std::vector<Port>& ports = g[v].ports;
  for (unsigned i = 0; i < ports.size(); ++i) {
    if (ports[i].name == name) return i;
  }
  return std::nullopt;
}

// Kahn's algorithm; among nodes that are ready, the one declared first comes first.
std::vector<Vertex> Graph::topological() const {
  const std::size_t count = boost::num_vertices(g);
  std::vector<std::size_t> waiting(count, 0);
  for (auto [at, end] = boost::edges(g); at != end; ++at) {
    if (!g[*at].spawn) ++waiting[boost::target(*at, g)];
  }
  std::priority_queue<Vertex, std::vector<Vertex>, std::greater<>> ready;
  for (Vertex v = 0; v < count; ++v) {
    if (waiting[v] == 0) ready.push(v);
  }
  std::vector<Vertex> order;
  order.reserve(count);
  while (!ready.empty()) {
    const Vertex v = ready.top();
    ready.pop();
    order.push_back(v);
    for (auto [at, end] = boost::out_edges(v, g); at != end; ++at) {
      if (!g[*at].spawn && --waiting[boost::target(*at, g)] == 0) ready.push(boost::target(*at, g));
    }
  }
  if (order.size() != count) order.clear();
  return order;
}

bool Report::says_something() const {
  return std::any_of(claims.begin(), claims.end(),
                     [](const Claim& claim) { return !is_false(claim.evidence); });
}

}  // namespace weft::ir
