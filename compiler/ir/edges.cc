#include "compiler/ir/edges.h"

#include <algorithm>

#include "stack-nodes/slots.h"

namespace weft::ir {
namespace {

constexpr unsigned slots = static_cast<unsigned>(nodes::Slot::count);

// Where packets of `v` go within the same pass of the engine.
std::vector<Vertex> successors(const Graph& graph, Vertex v) {
  std::vector<Vertex> found;
  for (unsigned port = 0; port < graph.node(v).ports.size(); ++port) {
    if (auto to = graph.next(v, port)) found.push_back(*to);
  }
  for (const auto& [slot, to] : graph.spawns(v)) {
    if (carries_buffer(slot)) found.push_back(to);
  }
  return found;
}

std::vector<Vertex> sources_first(const Graph& graph) {
  const auto count = boost::num_vertices(graph.g);
  std::vector<unsigned> missing(count, 0);
  for (Vertex v = 0; v < count; ++v) {
    for (Vertex to : successors(graph, v)) ++missing[to];
  }
  std::vector<Vertex> order;
  for (Vertex v = 0; v < count; ++v) {
    if (missing[v] == 0) order.push_back(v);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (Vertex to : successors(graph, order[i])) {
      if (--missing[to] == 0) order.push_back(to);
    }
  }
  if (order.size() != count) order.clear();  // a cycle
  return order;
}

std::optional<unsigned> slot_number(std::string_view slot) {
  const auto at = std::find(nodes::slot_names.begin(), nodes::slot_names.end(), slot);
  if (at == nodes::slot_names.end()) return std::nullopt;
  return static_cast<unsigned>(at - nodes::slot_names.begin());
}

// The receive source, the targets of spawns, and the nodes that say of themselves that they are
// the entry of a slot.
std::vector<std::optional<Vertex>> find_entries(const Graph& graph) {
  std::vector<std::optional<Vertex>> entries(entry_count());
  if (auto rx = graph.find("rx"); rx && graph.node(*rx).kind == NodeKind::wire) {
    entries[entry_rx] = rx;
  }
  if (auto send = graph.find("udp_send")) entries[entry_udp_send] = send;
  for (Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    for (const auto& [slot, to] : graph.spawns(v)) {
      const auto number = slot_number(slot);
      if (number && !carries_buffer(slot)) entries[entry_of_slot(*number)] = to;
    }
  }
  for (Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    for (const auto& slot : graph.node(v).slots) {
      if (const auto number = slot_number(slot)) entries[entry_of_slot(*number)] = v;
    }
  }
  return entries;
}

}  // namespace

unsigned entry_count() { return 1 + slots; }

std::string entry_name(unsigned entry) {
  return entry == entry_rx ? "rx" : std::string(nodes::slot_names.at(entry - 1));
}

bool carries_buffer(std::string_view slot) { return slot == "reply" || slot == "icmp_error"; }

EdgeTable EdgeTable::of(const Graph& graph) {
  EdgeTable table;
  const auto count = boost::num_vertices(graph.g);
  table.of_vertex.resize(count);
  for (Vertex v = 0; v < count; ++v) {
    const auto& node = graph.node(v);
    for (unsigned port = 0; port < node.ports.size(); ++port) {
      const auto to = graph.next(v, port);
      if (!to) continue;
      const bool hot = table.of_vertex[v].empty();
      table.of_vertex[v].push_back(static_cast<unsigned>(table.edges.size()));
      table.edges.push_back({v, port, *to, hot, node.id + "." + node.ports[port].name});
    }
  }
  table.first_entry = static_cast<unsigned>(table.edges.size());
  table.entries = find_entries(graph);
  table.order = sources_first(graph);
  return table;
}

std::optional<unsigned> EdgeTable::index(Vertex v, unsigned port) const {
  for (unsigned e : of_vertex.at(v)) {
    if (edges[e].port == port) return e;
  }
  return std::nullopt;
}

bool EdgeTable::counted(Vertex v, unsigned port) const {
  const auto e = index(v, port);
  return e && !edges[*e].hot;
}

Counts EdgeTable::derive(const Graph& graph, std::span<const std::uint64_t> counted) const {
  Counts counts;
  counts.node.assign(of_vertex.size(), 0);
  counts.edge.assign(edges.size(), 0);
  counts.impossible = counted[impossible_counter()];
  for (unsigned entry = 0; entry < entries.size(); ++entry) {
    if (entries[entry]) counts.node[*entries[entry]] += counted[entry_counter(entry)];
  }
  for (Vertex v : order) {
    std::uint64_t others = 0;
    for (unsigned e : of_vertex[v]) {
      if (!edges[e].hot) others += counts.edge[e] = counted[e];
    }
    for (unsigned e : of_vertex[v]) {
      // Counters are read while a batch is under way: never below zero.
      if (edges[e].hot) counts.edge[e] = counts.node[v] - std::min(others, counts.node[v]);
      counts.node[edges[e].to] += counts.edge[e];
    }
    // An answer in the packet's own buffer goes on from port 0 to the spawn's target as well.
    const auto answered = index(v, 0);
    for (const auto& [slot, to] : graph.spawns(v)) {
      if (carries_buffer(slot) && answered) counts.node[to] += counts.edge[*answered];
    }
  }
  return counts;
}

}  // namespace weft::ir
