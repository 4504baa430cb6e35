// Which packets reach which node, and what is known of them there: one pass over a graph in
// topological order, merging what comes in over several edges.
#pragma once

#include <map>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/passes/symbolic.h"

namespace weft::passes {

struct LiveBranch {
  unsigned port = 0;
  smt::Term condition;  // given that the packet is at the node
  bool live = false;    // some packet takes it
};

struct Reached {
  smt::Term when;  // the packet comes here: true only where it does, but free to be false
  State state;     // merged, for packets that come here; its trace is empty
  std::vector<LiveBranch> branches;
};

struct Reach {
  std::map<ir::Vertex, Reached> nodes;  // without those that no packet reaches
  // What each `when` stands for, so that it need not be said again in every query: the session has
  // it until it next drops constraints.
  std::vector<smt::Term> meanings;
};

// The session's constraints (facts of a queue, say) hold throughout; every branch that may be taken
// or not is asked for with one query.
Reach reach(Symbolic& symbolic, const ir::Graph& graph, ir::Vertex start, const State& initial);

// True if every packet that satisfies `when` satisfies `claim` too.
bool implied(smt::Session& session, const smt::Term& when, const smt::Term& claim,
             std::string_view query);

// Where packets come in: the wire with a successor; the nodes with slots; targets of spawn edges.
struct Entry {
  std::string name;  // "rx", "udp_send", "arp_resolved", "reply@vlan_out"
  ir::Vertex vertex;
};
// Slots whose packets are received datagrams, but came by no rule: queues that rules alone feed
// leave them to the residue of the others.
bool received_elsewhere(std::string_view slot);
std::optional<ir::Vertex> receive_entry(const ir::Graph& graph);
std::vector<Entry> entries(const ir::Graph& graph);
// Of these, those that were put together of several which the card brought: it saw of none of them
// what it would have seen of the whole.
bool made_of_pieces(std::string_view slot);
// Where the graph itself says that a slot begins: one node, but a plan may come from anywhere.
std::vector<ir::Vertex> begins_at(const ir::Graph& graph, std::string_view slot);
// Slots that are run on queues of class "any" alone: fragments never hit a rule, so it is there
// that they are put together, or given up; and what the host sends to itself is run there, too.
bool is_of_class_any(std::string_view slot);

// What every host's parameters satisfy (the workload reader sees to it).
std::vector<smt::Term> host_assumptions(Symbolic& symbolic);

}  // namespace weft::passes
