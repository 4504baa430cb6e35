#include "compiler/passes/embedder.h"

#include <algorithm>

#include "compiler/passes/resolve.h"

namespace weft::passes {

using ir::Fate;

ir::Graph Embedder::assemble() {
  ir::Graph out;
  out.name = graph_.name;
  out.title = graph_.title;
  out.headers = graph_.headers;
  const auto slots = slots_of_targets();
  const std::set<ir::Vertex> kept = kept_vertices();
  for (auto [v, end] = vertices(graph_.g); v != end; ++v) {
    record(*v, kept);
    if (!kept.contains(*v)) continue;
    ir::Node node = embedded_[*v].node;
    if (const auto it = slots.find(*v); it != slots.end()) node.slots = it->second;
    if (node.why.empty()) node.why = "no card does it";
    trim_ports(*v, node);
    out.add(std::move(node));
  }
  for (const ir::Vertex v : kept) {
    const ir::Vertex from = *out.find(graph_.node(v).id);
    const ir::Node& node = out.node(from);
    for (unsigned p = 0; p < node.ports.size(); ++p) {
      const auto to = target_of(v, node.ports[p].name);
      if (to) out.connect(from, p, *out.find(graph_.node(*to).id));
    }
    for (const auto& [slot, target] : graph_.spawns(v)) {
      if (node.fate == Fate::card) continue;  // what it makes, it makes behind the queue
      const auto to = follow(target);
      if (to && kept.contains(*to) && !elsewhere(slot))
        out.connect_spawn(from, slot, *out.find(graph_.node(*to).id));
    }
  }
  return out;
}

std::optional<ir::Vertex> Embedder::follow(ir::Vertex v) const {
  while (embedded_[v].reached && embedded_[v].bypass) {
    const auto next = graph_.next(v, *embedded_[v].bypass);
    if (!next) return std::nullopt;
    v = *next;
  }
  return embedded_[v].reached ? std::optional(v) : std::nullopt;
}

std::optional<ir::Vertex> Embedder::target_of(ir::Vertex v, const std::string& port) const {
  const unsigned index = graph_.port(v, port).value_or(0);
  const auto next = graph_.next(v, index);
  return next ? follow(*next) : std::nullopt;
}

void Embedder::trim_ports(ir::Vertex v, ir::Node& node) const {
  const Embedded& e = embedded_[v];
  if (node.impl == "udp.flow_from_mark") return;
  std::vector<ir::Port> ports;
  for (std::size_t p = 0; p < node.ports.size(); ++p) {
    if (e.live[p]) ports.push_back(node.ports[p]);
  }
  // A dead port that was "otherwise" leaves a match whose last predicate is implied.
  node.ports = std::move(ports);
}

std::set<ir::Vertex> Embedder::kept_vertices() const {
  std::set<ir::Vertex> kept;
  std::vector<ir::Vertex> work = {*receive_entry(graph_)};
  for (const Entry& entry : entries(graph_)) {
    if (entry.name == "rx" || !from_engine(entry.name)) continue;
    if (const auto v = follow(entry.vertex); v && slotted_.contains(*v)) work.push_back(*v);
  }
  while (!work.empty()) {
    const ir::Vertex v = work.back();
    work.pop_back();
    if (!kept.insert(v).second) continue;
    const Embedded& e = embedded_[v];
    for (std::size_t p = 0; p < e.live.size(); ++p) {
      const auto next = e.live[p] ? graph_.next(v, static_cast<unsigned>(p)) : std::nullopt;
      if (!next) continue;
      if (const auto to = follow(*next)) work.push_back(*to);
    }
    for (const auto& [slot, target] : graph_.spawns(v)) {
      const auto to = follow(target);
      if (to && slotted_.contains(*to) && !elsewhere(slot)) work.push_back(*to);
    }
  }
  return kept;
}

std::map<ir::Vertex, std::vector<std::string>> Embedder::slots_of_targets() const {
  std::map<ir::Vertex, std::vector<std::string>> out;
  for (const Entry& entry : entries(graph_)) {
    const std::string slot = entry.name.substr(0, entry.name.find('@'));
    if (entry.name == "rx" || slot == "reply" || slot == "icmp_error") continue;
    if (const auto to = follow(entry.vertex); to && slotted_.contains(*to)) {
      auto& list = out[*to];
      if (std::find(list.begin(), list.end(), slot) == list.end()) list.push_back(slot);
    }
  }
  return out;
}

void Embedder::record(ir::Vertex v, const std::set<ir::Vertex>& kept) {
  const Embedded& e = embedded_[v];
  const ir::Node& original = graph_.node(v);
  if (!kept.contains(v)) {
    decide(original.id, "", Fate::gone,
           e.reached && !e.node.why.empty() ? e.node.why
           : e.reached                      ? "all its conditions are gone"
                                            : "no packet of these queues gets here");
    return;
  }
  decide(original.id, "", e.node.fate, e.node.why.empty() ? "no card does it" : e.node.why);
  for (const auto& item : e.node.items) {
    decide(original.id, item.id, item.fate,
           item.why.empty() ? "the card does not check it" : item.why);
  }
}

}  // namespace weft::passes
