#include "compiler/passes/embedder.h"

#include <algorithm>

#include "compiler/passes/handover.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/steer.h"
#include "stack-nodes/slots.h"

namespace weft::passes {

using ir::Fate;

bool Embedder::takes_segments(const ir::Node& node) {
  const auto* decl = decl_of(node);
  return decl != nullptr && decl->handover == "handover.segment";
}

bool Embedder::place_of_segments(const smt::Term& when) {
  if (plan_.configuration.rx_queues < 2) return true;
  segment_ = hashed_of(symbolic_, inputs_.nic, plan_.configuration, when);
  return segment_.has_value();
}

void Embedder::find_handovers() {
  if (plan_.configuration.rx_queues < 2) return;
  const ir::Node* rss = rss_node(inputs_.nic);
  const bool predictable = rss == nullptr || rss->config.rss->predictable;
  for (ir::Vertex v = 0; v < embedded_.size(); ++v) {
    const Embedded& e = embedded_[v];
    const auto* decl = e.reached ? decl_of(e.node) : nullptr;
    if (decl == nullptr || decl->handover.empty()) continue;
    std::string why = "the card may deliver packets with one key on several queues";
    if (decl_of(std::string(decl->handover))->owner == "all") {
      why = "who asked may be another queue than the one where the answer arrives";
    } else if (!is_behind(*decl)) {
      if (together_.contains(v) && takes_segments(e.node)) {
        handovers_.push_back({Handover::Place::front, e.node.id, "handover.kept",
                              "connections stay where they are when rules for them change"});
        continue;
      }
      if (together_.contains(v)) {
        decide(handover_of(e.node.id), "", Fate::gone,
               "the card brings all packets with one key to one queue");
        continue;
      }
    } else {
      const auto miss = graph_.port(v, "miss");
      if (!miss || *miss >= e.live.size() || !e.live[*miss]) continue;
      if (predictable)
        why = "a datagram in pieces is put together where they arrive, not where its flow is";
    }
    if (!decl->table.empty() && !is_behind(*decl))
      why = "an error comes from any router, on another queue than the flow it is about";
    if (!predictable) why = "nobody can say on which queue the card delivers a packet";
    handovers_.push_back({is_behind(*decl) ? Handover::Place::miss : Handover::Place::front,
                          e.node.id, std::string(decl->handover), why});
  }
  const bool segments = std::any_of(embedded_.begin(), embedded_.end(), [](const Embedded& e) {
    return e.reached && takes_segments(e.node);
  });
  if (!segments || !segment_) return;
  for (const std::string_view slot : nodes::slot_names) {
    if (made_of_pieces(slot))
      handovers_.push_back({Handover::Place::entry, std::string(slot), "handover.whole",
                            "pieces show no ports: they meet where their addresses bring them, the "
                            "connection is where the card brings whole segments"});
  }
}

ir::Graph Embedder::hand_over(ir::Graph residue) {
  ir::Graph out = with_handovers(residue, handovers_);
  for (auto [v, end] = vertices(out.g); v != end; ++v) {
    const ir::Node& node = out.node(*v);
    if (node.fate == Fate::handover) decide(node.id, "", node.fate, node.why);
  }
  return out;
}

}  // namespace weft::passes
