// Where packets are counted. Interpreter, generated code and observers share one array per core and
// residue: one counter for each out-port that leads somewhere ("edge"), then one for each entry,
// then one for the impossible.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"

namespace weft::ir {

// Ways into a graph, in the order of their counters: the wire, then every slot of
// stack-nodes/slots.h in its order. `run(..., entry)` of an engine takes these numbers.
inline constexpr unsigned entry_rx = 0;
inline constexpr unsigned entry_udp_send = 1;
inline constexpr unsigned entry_of_slot(unsigned slot) { return slot + 1; }
unsigned entry_count();                  // 1 + number of slots
std::string entry_name(unsigned entry);  // "rx", "udp_send", "arp_request", ...

struct CountedEdge {
  Vertex from = 0;
  unsigned port = 0;
  Vertex to = 0;
  bool hot = false;  // not counted but derived: the first port of `from` that leads somewhere
  std::string name;  // "udp_flow.hit"
};

// The counts that people see, in packets.
struct Counts {
  std::vector<std::uint64_t> node;  // by vertex: packets that reached it
  std::vector<std::uint64_t> edge;  // by edge index: packets that took it
  std::uint64_t impossible = 0;     // packets that took a port which leads nowhere
};

struct EdgeTable {
  std::vector<CountedEdge> edges;
  unsigned first_entry = 0;                      // index of the counter of entry_rx
  std::vector<std::optional<Vertex>> entries;    // by entry number: where it begins
  std::vector<std::vector<unsigned>> of_vertex;  // by vertex: its edges, in port order
  // All vertices, sources first, following next edges and those spawns that carry the packet's own
  // buffer on (slots `reply` and `icmp_error`). Empty when there is a cycle.
  std::vector<Vertex> order;

  static EdgeTable of(const Graph& graph);

  // Length of the counter array.
  std::size_t size() const { return impossible_counter() + std::size_t{1}; }
  // Packets that took a port that leads nowhere, or entered where there is no entry: the proof says
  // that this stays 0. They are released.
  unsigned impossible_counter() const {
    return first_entry + static_cast<unsigned>(entries.size());
  }
  unsigned entry_counter(unsigned entry) const { return first_entry + entry; }
  // Index of the counter of a port; nullopt for a port that leads nowhere.
  std::optional<unsigned> index(Vertex v, unsigned port) const;
  // Must the engine count it? False for hot ports and for ports that lead nowhere.
  bool counted(Vertex v, unsigned port) const;

  // `counted` as the engines fill it (hot ports at 0): a node's count is what came in, its hot
  // port's count is what did not leave by another port. (An impossible packet appears on the hot
  // port as well.)
  Counts derive(const Graph& graph, std::span<const std::uint64_t> counted) const;
};

// Spawn edges on which the packet's own buffer goes on to the target (node.h, reuses_buffer).
bool carries_buffer(std::string_view slot);

}  // namespace weft::ir
