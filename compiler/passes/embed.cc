#include "compiler/passes/embed.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/readers.h"
#include "compiler/passes/facts.h"
#include "compiler/passes/flow_sources.h"
#include "compiler/passes/handover.h"
#include "compiler/passes/reach.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/steer.h"
#include "stack-nodes/registry.h"

namespace weft::passes {

namespace {

using ir::Fate;
using smt::Term;

// What stands for a protocol node in the residue.
struct Embedded {
  bool reached = false;
  ir::Node node;                   // as it will stand in the residue
  std::vector<bool> live;          // by port of the protocol node
  std::optional<unsigned> bypass;  // gone: follow this port
};

class Embedder {
 public:
  Embedder(const Inputs& inputs, const plan::Plan& plan, QueueClass queue_class,
           std::vector<std::string> feeding)
      : inputs_(inputs),
        graph_(inputs.graph),
        plan_(plan),
        class_(queue_class),
        feeding_(std::move(feeding)),
        symbolic_(session_, inputs.fields),
        embedded_(num_vertices(graph_.g)) {}

  plan::Residue run() {
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

 private:
  void decide(const std::string& node, const std::string& item, Fate fate, std::string why) {
    decisions_.push_back({node, item, fate, std::move(why)});
  }

  // ---- what a slot leads to: the state of such packets is unknown, so nothing there is implied --
  void find_slotted() {
    std::vector<ir::Vertex> work;
    for (const Entry& entry : entries(graph_)) {
      if (entry.name != "rx" && from_engine(entry.name) &&
          !elsewhere(entry.name.substr(0, entry.name.find('@'))))
        work.push_back(entry.vertex);
    }
    spread(work);
  }

  // Slots whose packets come from the engine, and not straight from a spawner with its own buffer.
  static bool from_engine(const std::string& entry) {
    return !entry.starts_with("reply@") && !entry.starts_with("icmp_error@");
  }

  // Rules feed these queues with plain datagrams alone; the engine runs the others in class "any".
  bool elsewhere(std::string_view slot) const {
    return class_ == QueueClass::flows && is_of_class_any(slot);
  }

  void spread(std::vector<ir::Vertex> work) {
    while (!work.empty()) {
      const ir::Vertex v = work.back();
      work.pop_back();
      if (!slotted_.insert(v).second) continue;
      for (auto [edge, end] = out_edges(v, graph_.g); edge != end; ++edge) {
        if (!elsewhere(graph_.g[*edge].slot)) work.push_back(target(*edge, graph_.g));
      }
    }
  }

  // ---- receive: everything reached from the wire, under the queue's facts -----------------
  void receive() {
    facts_ = facts_of(symbolic_, inputs_.nic, plan_.configuration, class_, feeding_,
                      flow_sources_answer(inputs_.workload));
    session_.push();
    for (const Fact& fact : facts_) session_.add(fact.holds);
    State fresh;  // packet_of (runtime/engine/frames.h) leaves this as it is
    fresh.values["meta.cast"] = session_.number(0, 2);
    const auto reached = reach(symbolic_, graph_, *receive_entry(graph_), fresh);
    // Answers in the packet's own buffer: their spawners are reached, so their targets are.
    for (const auto& [v, here] : reached) {
      std::vector<ir::Vertex> work;
      for (const auto& [slot, target] : graph_.spawns(v)) {
        if (slot == "reply" || slot == "icmp_error") work.push_back(target);
      }
      spread(work);
    }
    for (const auto& [v, here] : reached) {
      Embedded& e = embedded_[v];
      enter(v);
      if (!slotted_.contains(v)) {
        e.live.assign(e.live.size(), false);
        for (const auto& b : here.branches) {
          if (b.port < e.live.size()) e.live[b.port] = b.live;
        }
        if (e.node.kind == ir::NodeKind::match) embed_match(e, here);
        if (e.node.kind == ir::NodeKind::effect) embed_lookup(e, here);
        if (e.node.kind == ir::NodeKind::effect) embed_answer(e, here);
      }
      if (arrive_together(symbolic_, inputs_.nic, plan_.configuration, e.node, here.when))
        together_.insert(v);
      if (!e.node.items.empty()) embed_items(e, here, !slotted_.contains(v));
    }
    session_.pop();
    explain_gone(reached);
  }

  void enter(ir::Vertex v) {
    Embedded& e = embedded_[v];
    e.reached = true;
    e.node = graph_.node(v);
    e.live.assign(std::max<std::size_t>(e.node.ports.size(), 1), true);
  }

  void embed_match(Embedded& e, const Reached&) {
    const auto live = std::count(e.live.begin(), e.live.end(), true);
    if (live != 1) return;
    e.bypass =
        static_cast<unsigned>(std::find(e.live.begin(), e.live.end(), true) - e.live.begin());
    e.node.fate = Fate::gone;
  }

  // `drop`: may conditions that are implied go?
  void embed_items(Embedded& e, const Reached& here, bool drop) {
    std::vector<ir::Item> kept;
    Term before = here.when;
    const bool conjunction = e.node.kind == ir::NodeKind::conjunction;
    for (std::size_t i = 0; i < e.node.items.size(); ++i) {
      ir::Item item = e.node.items[i];
      const Term holds = symbolic_.item(item, here.state);
      const Term passes = conjunction ? holds : session_.negate(holds);
      if (drop &&
          implied(session_, before, passes, "is " + e.node.id + "." + item.id + " implied")) {
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

  // Can the card's word stand in front of the test? The guard is what of the model's evidence is
  // not already known here.
  void read(ir::Item& item, const Term& when) {
    for (const ir::Node* unit : receive_order(inputs_.nic)) {
      const auto& config = unit->config;
      const ir::Claim* claim = config.report ? config.report->about(item.test) : nullptr;
      if (claim == nullptr) continue;
      const auto knob = plan_.configuration.knobs.find(config.knob);
      if (knob == plan_.configuration.knobs.end() || !knob->second) continue;
      // A card whose "good" is evidence of nothing only finds errors, and those are looked at
      // again.
      const Term evidence = symbolic_.condition(claim->evidence, State{});
      if (implied(session_, when, session_.negate(evidence), "is there any evidence")) {
        item.why = config.knob + " is on, but its word proves nothing here";
        return;
      }
      const auto says = [&config](ir::Bits answer) {
        return ir::binary(ir::Op::eq, ir::name(config.report->field, 2), ir::constant(answer, 2));
      };
      // A checksum that the card hands over unfinished would seem wrong to the test.
      const bool none = config.report->none_is_good;
      std::vector<ir::ExprPtr> parts = {none ? ir::any_of({says(1), says(3)}) : says(1)};
      for (const auto& part : conjuncts(claim->evidence)) {
        if (!implied(session_, when, symbolic_.condition(part, State{}), "is evidence implied")) {
          parts.push_back(part);
        }
      }
      const std::size_t guards = parts.size() - 1;
      item.when = ir::all_of(parts);
      item.fate = Fate::read;
      item.why = fmt::format(
          "{}: the descriptor says so{}; anything but \"good\"{} is checked here", config.knob,
          guards == 0 ? "" : " (believed only under the guard)", none ? " or \"none\"" : "");
      return;
    }
    for (const ir::Node* unit : receive_order(inputs_.nic)) {
      if (unit->config.report && unit->config.report->about(item.test) != nullptr) {
        item.why = unit->config.in_software
                       ? unit->config.knob + " is done by the driver in software: nothing is saved"
                       : unit->config.knob + " is off";
        return;
      }
    }
    item.why = "the card does not check it";
  }

  static std::vector<ir::ExprPtr> conjuncts(const ir::ExprPtr& e) {
    if (e->op == ir::Op::logical_and) {
      std::vector<ir::ExprPtr> out;
      for (const auto& a : e->args) {
        for (auto& c : conjuncts(a)) out.push_back(c);
      }
      return out;
    }
    // has(udp) is itself a conjunction on wire values; its parts may be known one by one.
    return {e};
  }

  // A table whose answer the mark already is.
  void embed_lookup(Embedded& e, const Reached& here) {
    const auto* decl = decl_of(e.node);
    if (decl == nullptr || decl->table.empty()) return;
    if (e.live[0] && !e.live[1] && decl->name == "udp.find_flow" && class_ == QueueClass::flows) {
      const auto key = symbolic_.terms(decl->key, here.state);
      const Lookup found = symbolic_.default_lookup(*decl, key);
      const Term mark = symbolic_.initial("desc.mark");
      const Term expected = session_.arithmetic(ir::Op::add, session_.resize(found.result, 32),
                                                session_.number(1, 32));
      if (implied(session_, here.when, session_.equal(mark, expected),
                  "does the mark say the endpoint")) {
        e.node.impl = "udp.flow_from_mark";
        e.node.fate = Fate::read;
        e.node.why = "the rule's mark names the endpoint";
        e.node.ports = {{"out", nullptr, {}}};
        return;
      }
    }
    if (e.live.size() > 1 && !e.live[1])
      e.node.why = "can't miss: only flows of the table arrive here";
  }

  // A lookup with one answer, which the packet carries already.
  void embed_answer(Embedded& e, const Reached& here) {
    const auto* decl = decl_of(e.node);
    if (decl->table.empty() || std::count(e.live.begin(), e.live.end(), true) != 1) return;
    const auto port =
        static_cast<unsigned>(std::find(e.live.begin(), e.live.end(), true) - e.live.begin());
    for (const Branch& branch : symbolic_.step(e.node, here.state)) {
      if (branch.port != port) continue;
      for (const auto& field : nodes::split(decl->writes)) {
        const Term same = session_.equal(symbolic_.value(branch.after, field),
                                         symbolic_.value(here.state, field));
        if (!implied(session_, here.when, same, "does " + e.node.id + " change anything")) return;
      }
    }
    e.bypass = port;
    e.node.fate = Fate::gone;
  }

  // ---- why something is gone: the first single fact that is enough ------------------------
  struct GoneItem {
    std::string node, item;
    Term when, claim;
  };

  std::string why(const Term& when, const Term& claim) {
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

  void explain_gone(const std::map<ir::Vertex, Reached>& reached) {
    for (const auto& item : gone_items_) {
      decide(item.node, item.item, Fate::gone, why(item.when, item.claim));
    }
    for (const auto& [v, here] : reached) {
      Embedded& e = embedded_[v];
      const bool chooses =
          e.node.kind == ir::NodeKind::match || e.node.kind == ir::NodeKind::effect;
      if (!e.bypass || !chooses) continue;
      for (const auto& b : here.branches) {
        if (b.port == *e.bypass) e.node.why = why(here.when, b.condition);
      }
    }
  }

  // ---- transmit: the card may do effects at the end ------------------------------------------
  void transmit() {
    for (const ir::Vertex v : slotted_) {
      if (!embedded_[v].reached) enter(v);
    }
    for (Embedded& e : embedded_) {
      if (e.reached) offload(e);
    }
  }

  void offload(Embedded& e) {
    if (e.node.kind != ir::NodeKind::effect) return;
    for (auto [v, end] = vertices(inputs_.nic.transmit.g); v != end; ++v) {
      const ir::Config& config = inputs_.nic.transmit.node(*v).config;
      if (!config.performs || config.performs->effect != e.node.impl) continue;
      const auto knob = plan_.configuration.knobs.find(config.knob);
      if (knob == plan_.configuration.knobs.end() || !knob->second) {
        e.node.why = config.in_software
                         ? config.knob + " is done by the driver in software: nothing is saved"
                         : config.knob + " is off";
        return;
      }
      e.node.impl = config.performs->request;
      e.node.fate = Fate::card;
      e.node.why = fmt::format(
          "{}: the card does it, saves {:.0f} cycles", config.knob,
          inputs_.costs.of(config.performs->effect) - inputs_.costs.of(config.performs->request));
      return;
    }
  }

  // ---- handover: whose state may be on another core -----------------------------------------
  void find_handovers() {
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
      handovers_[e.node.id] = why;
    }
  }

  ir::Graph hand_over(ir::Graph residue) {
    std::erase_if(handovers_, [&](const auto& one) { return !residue.find(one.first); });
    ir::Graph out = with_handovers(residue, handovers_);
    for (auto [v, end] = vertices(out.g); v != end; ++v) {
      const ir::Node& node = out.node(*v);
      if (node.fate == Fate::handover) decide(node.id, "", node.fate, node.why);
    }
    return out;
  }

  // ---- putting the residue together ---------------------------------------------------------
  std::optional<ir::Vertex> follow(ir::Vertex v) const {
    while (embedded_[v].reached && embedded_[v].bypass) {
      const auto next = graph_.next(v, *embedded_[v].bypass);
      if (!next) return std::nullopt;
      v = *next;
    }
    return embedded_[v].reached ? std::optional(v) : std::nullopt;
  }

  ir::Graph assemble() {
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

  // Where a port of the embedded node leads: a port that was replaced ("out" for "hit") is port 0.
  std::optional<ir::Vertex> target_of(ir::Vertex v, const std::string& port) const {
    const unsigned index = graph_.port(v, port).value_or(0);
    const auto next = graph_.next(v, index);
    return next ? follow(*next) : std::nullopt;
  }

  // Ports that no packet takes are not in the residue. A single match port needs no predicate.
  void trim_ports(ir::Vertex v, ir::Node& node) const {
    const Embedded& e = embedded_[v];
    if (node.impl == "udp.flow_from_mark") return;
    std::vector<ir::Port> ports;
    for (std::size_t p = 0; p < node.ports.size(); ++p) {
      if (e.live[p]) ports.push_back(node.ports[p]);
    }
    // A dead port that was "otherwise" leaves a match whose last predicate is implied.
    node.ports = std::move(ports);
  }

  std::set<ir::Vertex> kept_vertices() const {
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

  // Every slot is named on its target, spawners left or not. `reply` and `icmp_error` carry the
  // packet's own buffer: only the spawner's edge starts them.
  std::map<ir::Vertex, std::vector<std::string>> slots_of_targets() const {
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

  void record(ir::Vertex v, const std::set<ir::Vertex>& kept) {
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

  const Inputs& inputs_;
  const ir::Graph& graph_;
  const plan::Plan& plan_;
  QueueClass class_;
  std::vector<std::string> feeding_;
  smt::Session session_;
  Symbolic symbolic_;
  std::vector<Fact> facts_;
  std::vector<Embedded> embedded_;
  std::set<ir::Vertex> slotted_;                  // reached from a slot, or by an answer
  std::set<ir::Vertex> together_;                 // packets with one key arrive on one queue
  std::map<std::string, std::string> handovers_;  // node -> why
  std::vector<GoneItem> gone_items_;
  std::vector<plan::Decision> decisions_;
};

}  // namespace

diag::Result<void> embed(const Inputs& inputs, const Choice& choice, plan::Plan& plan) {
  plan.residues.push_back(Embedder(inputs, plan, QueueClass::any, {}).run());
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
