// One graph IR for protocol graphs (LPG), card graphs (PRG) and residues, on Boost.Graph.
#pragma once

#include <boost/graph/adjacency_list.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/expr.h"
#include "compiler/ir/queue_group.h"

namespace weft::ir {

enum class NodeKind {
  match,        // picks one out-port by predicate; ports exclusive and exhaustive
  test,         // an opaque yes/no with a name; ports "yes" and "no"
  conjunction,  // "and": port "yes", and one port for each item: the first that fails
  disjunction,  // "or": port "no", and one port for each item: the first that holds
  effect,       // changes the packet or state; ports by its declaration
  config,       // card graphs: a knob, a filter table, RSS
  queue,        // terminal of receive card graphs, source of transmit ones
  endpoint,     // terminal: the packet is consumed (delivered, answered, held)
  drop,         // terminal: the packet is dropped; the node's name is the reason
  wire,         // source of receive graphs, terminal of transmit graphs
  exception,    // terminal: handed to the host's slow path
};
std::string_view to_string(NodeKind kind);  // the YAML word: "match", "and", ...
std::optional<NodeKind> node_kind(std::string_view word);
bool is_terminal(NodeKind kind, bool has_successor);

// Which way a protocol node went when it was embedded (DESIGN 3). `handover`: no protocol node, but
// one that the plan adds because packets may arrive on a core that does not own their state.
enum class Fate { software, gone, read, card, handover };
std::string_view to_string(Fate fate);
std::optional<Fate> fate(std::string_view word);

// One condition of an and / or node. It holds when `when` holds, or else when `test` says yes:
// a test with a descriptor fact in front of it has both.
struct Item {
  std::string id;    // also the name of its out-port
  ExprPtr when;      // may be null
  std::string test;  // name of a stack node of kind test, may be empty
  Fate fate = Fate::software;
  std::string why;
  diag::Span span;
};

struct Port {
  std::string name;
  ExprPtr when;  // match only; null means "otherwise"
  diag::Span span;
};

// --- what config nodes of card graphs carry -------------------------------------------------

// What a "good" of the card is evidence of.
struct Claim {
  std::string fact;  // name of the test: "ipv4.checksum_ok"
  ExprPtr evidence;  // for which packets "good" proves it; for all others it means nothing

  // Packets that have what the fact is about: those with its header.
  ExprPtr applies() const { return has(fact.substr(0, fact.find('.'))); }
};
// A receive unit that reports on facts: desc field := good / bad / none / unknown.
struct Report {
  std::vector<Claim> claims;  // one word may be about several: the sum of UDP or of TCP
  std::string field;          // "desc.ip_cksum"
  ExprPtr says_good;          // for which packets the driver says "good" when it saw no error
  ExprPtr checks;             // for which packets the card finds errors (says "bad")
  bool bad_trusted = false;
  // The driver says "none" of frames that came from this same host with the checksum left for
  // later: the data is good, the field is not (virtio 1.2 section 5.1.6.4,
  // VIRTIO_NET_HDR_F_NEEDS_CSUM). It counts like "good", under the same evidence; in software the
  // checksum would seem wrong.
  bool none_is_good = false;
  std::string when_off = "unknown";  // what the driver says with the offload off

  const Claim* about(const std::string& fact) const {
    for (const Claim& claim : claims) {
      if (claim.fact == fact) return &claim;
    }
    return nullptr;
  }
  // Is its "good" ever evidence of anything? (Some cards only find errors.)
  bool says_something() const;
};

// How a rule may look at a field. full_or_ignored: the driver takes a partial mask and leaves the
// field out, so that the rule matches more than it says.
enum class Match { none, full, full_or_none, any_mask, full_or_ignored };
// Which of two rules of one table counts where both match: nobody says, that with the highest
// number for a priority, that with the lowest.
enum class RuleOrder { none, highest, lowest };
// What of it tables take and what it then does: filter_shape.h, rule_order.h.
struct FilterTable {
  std::map<std::string, Match> fields;           // what a rule may look at
  std::vector<std::vector<std::string>> shapes;  // not empty: a rule names one of these sets
  ExprPtr applies;                               // packets that the table can match at all
  std::map<std::string, ExprPtr> types;          // not empty: those of each type (filter_shape.h)
  unsigned capacity = 0;                         // rules
  bool capacity_by_device = false;  // it is what one device has; another may have fewer
  std::string same_mask_per;        // "", "port", "type": which rules share one mask
  // The driver compares the fields and nothing else: an item for UDP in the pattern does not keep
  // TCP out, one for IPv4 not IPv6, unless `applies` does.
  bool items_ignored = false;
  std::vector<std::string> actions;   // queue, queue_group, drop, mark
  std::optional<QueueGroups> groups;  // what a queue_group may be
  unsigned counters = 0;              // so many rules can count what they catch
  bool mark_required = false;         // reaches this table only with a mark (82599 director)
  bool mark_reported = false;         // desc.mark carries the rule's mark
  std::optional<std::pair<unsigned, unsigned>> priority;  // allowed range, if a rule must say one
  RuleOrder order = RuleOrder::none;                      // by it
};

struct RssType {
  std::string name;  // DPDK's: "ipv4", "ipv4_udp"
  ExprPtr applies;
  std::vector<std::string> input;  // fields hashed, in order
  bool fixed = false;              // always on: nobody can choose it
};

// What the fields become a hash by.
enum class HashFunction {
  toeplitz,
  // DPDK (rte_flow.h): each of two fields that are each other's mirror, addresses or ports, is
  // replaced by the sum (exclusive or) of both; then Toeplitz.
  symmetric_toeplitz,
};

// The YAML word.
inline std::string_view to_string(HashFunction f) {
  return f == HashFunction::toeplitz ? "toeplitz" : "symmetric_toeplitz";
}

struct RssUnit {
  unsigned key_bytes = 40;
  unsigned table_size = 128;
  unsigned queue_reach = 0;    // queues that table entries can name; 0: all
  std::vector<RssType> types;  // first that applies and is switched on is used; else hash 0
  std::vector<HashFunction> functions;  // beside Toeplitz
  bool key_settable = true;
  bool table_settable = true;
  bool predictable = true;  // false: the queue is any of those configured ("spreads: unknown")
};

// A transmit unit: performs the effect when the descriptor field asks for it and the knob is on.
struct Performs {
  std::string effect;   // stack node that it stands for: "udp.checksum_fill"
  std::string request;  // stack node that asks for it: "udp.checksum_request"
  std::string field;    // "desc.tx_l4_cksum"
  std::string needs;    // another field that must ask too, or the card ignores this one; "": none
};

struct Config {
  std::string knob;                   // "rx.ipv4_cksum", "" for tables
  std::vector<std::string> offloads;  // DPDK's names, switched together: "RX_IPV4_CKSUM"
  std::string toggle;  // a switch that is no offload: "promiscuous", "allmulticast" (YAML `switch`)
  bool in_software = false;  // the driver does it on the polling core: nothing is saved
  std::optional<Report> report;
  std::optional<FilterTable> table;
  std::optional<RssUnit> rss;
  std::optional<Performs> performs;
};

// -------------------------------------------------------------------------------------------

struct Node {
  std::string id;
  NodeKind kind = NodeKind::match;
  std::string impl;         // stack node, for test and effect
  std::vector<Item> items;  // and / or
  std::vector<Port> ports;  // out-ports in declared order (filled by the reader for every kind)
  std::string cluster;      // prefix of the picture's box, may be empty
  std::string meaning;      // one line for people
  std::string source;       // RFC section, datasheet
  std::string reason;       // drop nodes of cards: the protocol graph's drop that it stands for
  std::string counter;      // drop nodes of cards: DPDK xstat that shows it, or "none"
  unsigned count = 1;       // queue templates
  // Slots (stack-nodes/slots.h) by which packets enter at this node: YAML `slot: a` or
  // `slot: [a, b]`. In a protocol graph only udp_send says it; spawn edges bind the others. A
  // residue says it for every slot, since packets of a slot may come from another core.
  std::vector<std::string> slots;
  Config config;               // config nodes
  Fate fate = Fate::software;  // residues
  std::string why;             // residues: the reason, one line
  diag::Span span;
};

struct Edge {
  unsigned port = 0;   // index into ports of the source node
  bool spawn = false;  // starts another packet: `slot` names how (stack-nodes/slots.h)
  std::string slot;
};

using Digraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS, Node, Edge>;
using Vertex = Digraph::vertex_descriptor;

// A whole graph. Vertices are in declared order and are never removed.
struct Graph {
  std::string name;
  std::string title;
  std::vector<std::string> headers;  // that its predicates may name; empty: all
  diag::Span span;
  std::string digest;  // SHA-256 of the source text
  Digraph g;
  std::map<std::string, Vertex, std::less<>> index;

  Vertex add(Node node);
  void connect(Vertex from, unsigned port, Vertex to);
  void connect_spawn(Vertex from, std::string slot, Vertex to);

  std::optional<Vertex> find(std::string_view id) const;
  const Node& node(Vertex v) const { return g[v]; }
  Node& node(Vertex v) { return g[v]; }
  // Where `port` of `v` leads; nullopt for a port that leads nowhere (cut off in a residue).
  std::optional<Vertex> next(Vertex v, unsigned port) const;
  std::vector<std::pair<std::string, Vertex>> spawns(Vertex v) const;
  std::optional<unsigned> port(Vertex v, std::string_view name) const;
  std::vector<Vertex> topological() const;  // following next edges only; empty when cyclic
};

}  // namespace weft::ir
