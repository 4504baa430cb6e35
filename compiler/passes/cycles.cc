#include "compiler/passes/cycles.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "compiler/passes/reach.h"

namespace weft::passes {

namespace {

double cost_of(const ir::Node& node, const Costs& costs) {
  double sum = 0;
  switch (node.kind) {
    case ir::NodeKind::match: return costs.of("match");
    case ir::NodeKind::conjunction:
    case ir::NodeKind::disjunction:
      for (const auto& item : node.items) {
        const bool read = item.when && !item.test.empty();
        sum += read ? costs.of("read") : item.test.empty() ? costs.of("item") : costs.of(item.test);
      }
      return sum;
    case ir::NodeKind::test:
    case ir::NodeKind::effect: return costs.of(node.impl);
    default: return 0;
  }
}

// From where a datagram may come to its application: found from behind.
std::vector<bool> before_delivery(const ir::Graph& graph) {
  std::vector<std::vector<ir::Vertex>> back(boost::num_vertices(graph.g));
  for (auto [v, end] = boost::vertices(graph.g); v != end; ++v) {
    const auto ports = std::max<std::size_t>(graph.node(*v).ports.size(), 1);
    for (unsigned p = 0; p < ports; ++p)
      if (const auto next = graph.next(*v, p)) back[*next].push_back(*v);
  }
  std::vector<bool> out(back.size(), false);
  std::vector<ir::Vertex> todo;
  if (const auto delivery = graph.find("udp_deliver")) todo.push_back(*delivery);
  while (!todo.empty()) {
    const ir::Vertex v = todo.back();
    todo.pop_back();
    if (out[v]) continue;
    out[v] = true;
    todo.insert(todo.end(), back[v].begin(), back[v].end());
  }
  return out;
}

// Over the first port of each node that leads to an application, or the first of all.
double cost_from(const ir::Graph& graph, ir::Vertex v, const Costs& costs, bool handovers,
                 const std::vector<bool>& leads_there) {
  double sum = 0;
  for (std::set<ir::Vertex> seen; seen.insert(v).second;) {
    const ir::Node& node = graph.node(v);
    if (handovers || node.fate != ir::Fate::handover) sum += cost_of(node, costs);
    std::optional<ir::Vertex> next, first;
    for (unsigned p = 0; p < std::max<std::size_t>(node.ports.size(), 1) && !next; ++p) {
      const auto to = graph.next(v, p);
      if (!first) first = to;
      if (to && leads_there[*to]) next = to;
    }
    if (!next) next = first;
    if (!next) break;
    v = *next;
  }
  return sum;
}

}  // namespace

double cycles_of(const ir::Graph& graph, const Costs& costs, bool handovers) {
  double sum = costs.of("queue_poll");
  const std::vector<bool> leads_there = before_delivery(graph);
  for (const Entry& entry : entries(graph)) {
    if (entry.name == "rx" || entry.name == "udp_send")
      sum += cost_from(graph, entry.vertex, costs, handovers, leads_there);
  }
  return sum;
}

}  // namespace weft::passes
