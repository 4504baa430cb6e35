#include "compiler/passes/embed.h"

#include <algorithm>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/readers.h"
#include "compiler/passes/embedder.h"
#include "compiler/passes/flow_sources.h"
#include "compiler/passes/handover.h"
#include "compiler/passes/resolve.h"

namespace weft::passes {

using ir::Fate;
using smt::Term;

Embedder::Embedder(const Inputs& inputs, const plan::Plan& plan, QueueClass queue_class,
                   std::vector<std::string> feeding)
    : inputs_(inputs),
      graph_(inputs.graph),
      plan_(plan),
      class_(queue_class),
      feeding_(std::move(feeding)),
      symbolic_(session_, inputs.fields),
      embedded_(num_vertices(graph_.g)) {}

plan::Residue Embedder::run() {
  for (const auto& [knob, on] : plan_.configuration.knobs)
    symbolic_.fix("knob." + knob, on ? 1 : 0);
  for (const Term& t : host_assumptions(symbolic_)) session_.add(t);
  find_slotted();
  receive();
  transmit();
  find_handovers();
  plan::Residue out;
  out.queue_class = class_ == QueueClass::flows ? "flows" : "any";
  out.graph = hand_over(assemble());
  out.id = diag::sha256_hex(frontend::print_graph(out.graph)).substr(0, 12);
  out.decisions = std::move(decisions_);
  return out;
}

void Embedder::find_slotted() {
  std::vector<ir::Vertex> work;
  for (const Entry& entry : entries(graph_)) {
    if (entry.name != "rx" && from_engine(entry.name) &&
        !elsewhere(entry.name.substr(0, entry.name.find('@'))))
      work.push_back(entry.vertex);
  }
  spread(work);
}

bool Embedder::elsewhere(std::string_view slot) const {
  return class_ == QueueClass::flows && is_of_class_any(slot);
}

void Embedder::spread(std::vector<ir::Vertex> work) {
  while (!work.empty()) {
    const ir::Vertex v = work.back();
    work.pop_back();
    if (!slotted_.insert(v).second) continue;
    for (auto [edge, end] = out_edges(v, graph_.g); edge != end; ++edge) {
      if (!elsewhere(graph_.g[*edge].slot)) work.push_back(target(*edge, graph_.g));
    }
  }
}

void Embedder::receive() {
  facts_ = facts_of(symbolic_, inputs_.nic, plan_.configuration, class_, feeding_,
                    flow_sources_answer(inputs_.workload));
  session_.push();
  for (const Fact& fact : facts_) session_.add(fact.holds);
  State fresh;  // packet_of (runtime/engine/frames.h) leaves this as it is
  fresh.values["meta.cast"] = session_.number(0, 2);
  const Reach reached = reach(symbolic_, graph_, *receive_entry(graph_), fresh);
  // Answers in the packet's own buffer: their spawners are reached, so their targets are.
  for (const auto& [v, here] : reached.nodes) {
    std::vector<ir::Vertex> work;
    for (const auto& [slot, target] : graph_.spawns(v)) {
      if (slot == "reply" || slot == "icmp_error") work.push_back(target);
    }
    spread(work);
  }
  for (const auto& [v, here] : reached.nodes) {
    Embedded& e = embedded_[v];
    enter(v);
    if (!slotted_.contains(v)) {
      e.live.assign(e.live.size(), false);
      for (const auto& b : here.branches) {
        if (b.port < e.live.size()) e.live[b.port] = b.live;
      }
      if (e.node.kind == ir::NodeKind::match) embed_match(e);
      if (e.node.kind == ir::NodeKind::effect) embed_lookup(e, here);
      if (e.node.kind == ir::NodeKind::effect) embed_answer(e, here);
    }
    if (arrive_together(symbolic_, inputs_.nic, plan_.configuration, e.node, here.when) &&
        (!takes_segments(e.node) || place_of_segments(here.when)))
      together_.insert(v);
    if (!e.node.items.empty()) embed_items(e, here, !slotted_.contains(v));
  }
  session_.pop();
  explain_gone(reached);
}

void Embedder::enter(ir::Vertex v) {
  Embedded& e = embedded_[v];
  e.reached = true;
  e.node = graph_.node(v);
  e.live.assign(std::max<std::size_t>(e.node.ports.size(), 1), true);
}

void Embedder::embed_match(Embedded& e) {
  const auto live = std::count(e.live.begin(), e.live.end(), true);
  if (live != 1) return;
  e.bypass = static_cast<unsigned>(std::find(e.live.begin(), e.live.end(), true) - e.live.begin());
  e.node.fate = Fate::gone;
}

void Embedder::embed_items(Embedded& e, const Reached& here, bool drop) {
  std::vector<ir::Item> kept;
  Term before = here.when;
  const bool conjunction = e.node.kind == ir::NodeKind::conjunction;
  for (std::size_t i = 0; i < e.node.items.size(); ++i) {
    ir::Item item = e.node.items[i];
    const Term holds = symbolic_.item(item, here.state);
    const Term passes = conjunction ? holds : session_.negate(holds);
    if (drop && implied(session_, before, passes, "is " + e.node.id + "." + item.id + " implied")) {
      e.live[i + 1] = false;
      gone_items_.push_back({e.node.id, item.id, before, passes});
    } else {
      if (!item.test.empty()) read(item, before);
      kept.push_back(item);
    }
    before = session_.all_of({before, passes});
  }
  e.node.items = kept;
  if (kept.empty()) {
    e.bypass = 0;
    e.node.fate = Fate::gone;
  }
}

std::string Embedder::why(const Term& when, const Term& claim) {
  if (implied(session_, when, claim, "why")) return "always true here";
  for (const Fact& fact : facts_) {
    if (implied(session_, session_.all_of({when, fact.holds}), claim, "why")) return fact.because;
  }
  std::string all;
  for (const Fact& fact : facts_) {
    if (fact.because.starts_with("only rules") || fact.because.starts_with("the card drops")) {
      all += (all.empty() ? "" : "; ") + fact.because;
    }
  }
  return all.empty() ? "together with the length of frames" : all;
}

void Embedder::explain_gone(const Reach& reached) {
  session_.push();
  for (const Term& meaning : reached.meanings) session_.add(meaning);
  for (const auto& item : gone_items_) {
    decide(item.node, item.item, Fate::gone, why(item.when, item.claim));
  }
  for (const auto& [v, here] : reached.nodes) {
    Embedded& e = embedded_[v];
    const bool chooses = e.node.kind == ir::NodeKind::match || e.node.kind == ir::NodeKind::effect;
    if (!e.bypass || !chooses) continue;
    for (const auto& b : here.branches) {
      if (b.port == *e.bypass) e.node.why = why(here.when, b.condition);
    }
  }
  session_.pop();
}

diag::Result<void> embed(const Inputs& inputs, const Choice& choice, plan::Plan& plan) {
  Embedder any(inputs, plan, QueueClass::any, {});
  plan.residues.push_back(any.run());
  plan.configuration.rss.segment = any.segment();
  if (!choice.closed().empty())
    plan.residues.push_back(Embedder(inputs, plan, QueueClass::flows, choice.feeding()).run());
  residues_to_queues(choice, plan);
  return {};
}

void residues_to_queues(const Choice& choice, plan::Plan& plan) {
  const std::vector<unsigned> closed = choice.closed();
  for (plan::Residue& residue : plan.residues) residue.queues.clear();
  for (unsigned q = 0; q < choice.rx_queues; ++q) {
    const bool flows = std::binary_search(closed.begin(), closed.end(), q);
    plan.residues[flows ? 1 : 0].queues.push_back(q);
  }
}

}  // namespace weft::passes
