// How the pass "embed" works: one object for each class of queues, that knows more after each step.
// Its steps stand in files of their own: embed.cc (receive, and why something is gone),
// embed_card.cc (what the card's word and its units stand for), embed_handover.cc,
// embed_assemble.cc (the residue out of what is left).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/passes/embed.h"
#include "compiler/passes/facts.h"
#include "compiler/passes/handover.h"
#include "compiler/passes/reach.h"

namespace weft::passes {

// What stands for a protocol node in the residue.
struct Embedded {
  bool reached = false;
  ir::Node node;                   // as it will stand in the residue
  std::vector<bool> live;          // by port of the protocol node
  std::optional<unsigned> bypass;  // gone: follow this port
};

class Embedder {
 public:
  // `feeding`: the endpoints whose rules feed the queues (facts_of).
  Embedder(const Inputs& inputs, const plan::Plan& plan, QueueClass queue_class,
           std::vector<std::string> feeding);
  plan::Residue run();
  // As of plan::Rss, once it was run.
  const std::optional<std::vector<std::string>>& segment() const { return segment_; }

 private:
  void decide(const std::string& node, const std::string& item, ir::Fate fate, std::string why) {
    decisions_.push_back({node, item, fate, std::move(why)});
  }

  // ---- what a slot leads to: the state of such packets is unknown, so nothing there is implied --
  void find_slotted();
  // Slots whose packets come from the engine, and not straight from a spawner with its own buffer.
  static bool from_engine(const std::string& entry) {
    return !entry.starts_with("reply@") && !entry.starts_with("icmp_error@");
  }
  // Rules feed these queues with plain datagrams alone; the engine runs the others in class "any".
  bool elsewhere(std::string_view slot) const;
  void spread(std::vector<ir::Vertex> work);

  // ---- receive: everything reached from the wire, under the queue's facts -----------------
  void receive();
  void enter(ir::Vertex v);
  void embed_match(Embedded& e);
  // `drop`: may conditions that are implied go?
  void embed_items(Embedded& e, const Reached& here, bool drop);

  // ---- why something is gone: the first single fact that is enough ------------------------
  struct GoneItem {
    std::string node, item;
    smt::Term when, claim;
  };
  std::string why(const smt::Term& when, const smt::Term& claim);
  void explain_gone(const Reach& reached);

  // ---- what the card does instead ----------------------------------------------------------
  // Can the card's word stand in front of the test? The guard is what of the model's evidence is
  // not already known here.
  void read(ir::Item& item, const smt::Term& when);
  // A table whose answer the mark already is.
  void embed_lookup(Embedded& e, const Reached& here);
  // A lookup with one answer, which the packet carries already.
  void embed_answer(Embedded& e, const Reached& here);
  // Transmit: the card may do effects at the end.
  void transmit();
  void offload(Embedded& e);

  // ---- handover: whose state may be on another core -----------------------------------------
  static bool takes_segments(const ir::Node& node);
  // Who opens a connection must know where its segments will arrive.
  bool place_of_segments(const smt::Term& when);
  void find_handovers();
  ir::Graph hand_over(ir::Graph residue);

  // ---- putting the residue together ---------------------------------------------------------
  ir::Graph assemble();
  // The first node from v on that is still there; none where no packet gets.
  std::optional<ir::Vertex> follow(ir::Vertex v) const;
  // Where a port of the embedded node leads: a port that was replaced ("out" for "hit") is port 0.
  std::optional<ir::Vertex> target_of(ir::Vertex v, const std::string& port) const;
  // Ports that no packet takes are not in the residue. A single match port needs no predicate.
  void trim_ports(ir::Vertex v, ir::Node& node) const;
  std::set<ir::Vertex> kept_vertices() const;
  // Every slot is named on its target, spawners left or not. `reply` and `icmp_error` carry the
  // packet's own buffer: only the spawner's edge starts them.
  std::map<ir::Vertex, std::vector<std::string>> slots_of_targets() const;
  void record(ir::Vertex v, const std::set<ir::Vertex>& kept);

  const Inputs& inputs_;
  const ir::Graph& graph_;
  const plan::Plan& plan_;
  QueueClass class_;
  std::vector<std::string> feeding_;
  smt::Session session_;
  Symbolic symbolic_;
  std::vector<Fact> facts_;
  std::vector<Embedded> embedded_;
  std::set<ir::Vertex> slotted_;   // reached from a slot, or by an answer
  std::set<ir::Vertex> together_;  // packets with one key arrive on one queue
  std::vector<Handover> handovers_;
  std::optional<std::vector<std::string>> segment_;
  std::vector<GoneItem> gone_items_;
  std::vector<plan::Decision> decisions_;
};

}  // namespace weft::passes
