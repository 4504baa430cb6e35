#include "compiler/passes/embedder.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/knobs.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/steer.h"
#include "stack-nodes/registry.h"

namespace weft::passes {

using ir::Fate;
using smt::Term;

namespace {

std::vector<ir::ExprPtr> conjuncts(const ir::ExprPtr& e) {
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

}  // namespace

void Embedder::read(ir::Item& item, const Term& when) {
  for (const ir::Node* unit : receive_order(inputs_.nic)) {
    const auto& config = unit->config;
    const ir::Claim* claim = config.report ? config.report->about(item.test) : nullptr;
    if (claim == nullptr) continue;
    if (!is_on(plan_.configuration.knobs, config.knob)) continue;
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
    item.why = fmt::format("{}: the descriptor says so{}; anything but \"good\"{} is checked here",
                           config.knob, guards == 0 ? "" : " (believed only under the guard)",
                           none ? " or \"none\"" : "");
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

void Embedder::embed_lookup(Embedded& e, const Reached& here) {
  const auto* decl = decl_of(e.node);
  if (decl == nullptr || decl->table.empty()) return;
  if (e.live[0] && !e.live[1] && decl->name == "udp.find_flow" && class_ == QueueClass::flows) {
    const auto key = symbolic_.terms(decl->key, here.state);
    const Lookup found = symbolic_.default_lookup(*decl, key);
    const Term mark = symbolic_.initial("desc.mark");
    const Term expected =
        session_.arithmetic(ir::Op::add, session_.resize(found.result, 32), session_.number(1, 32));
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

void Embedder::embed_answer(Embedded& e, const Reached& here) {
  const auto* decl = decl_of(e.node);
  if (decl->table.empty() || std::count(e.live.begin(), e.live.end(), true) != 1) return;
  const auto port =
      static_cast<unsigned>(std::find(e.live.begin(), e.live.end(), true) - e.live.begin());
  for (const Branch& branch : symbolic_.step(e.node, here.state)) {
    if (branch.port != port) continue;
    for (const auto& field : nodes::split(decl->writes)) {
      const Term same =
          session_.equal(symbolic_.value(branch.after, field), symbolic_.value(here.state, field));
      if (!implied(session_, here.when, same, "does " + e.node.id + " change anything")) return;
    }
  }
  e.bypass = port;
  e.node.fate = Fate::gone;
}

void Embedder::transmit() {
  for (const ir::Vertex v : slotted_) {
    if (!embedded_[v].reached) enter(v);
  }
  for (Embedded& e : embedded_) {
    if (e.reached) offload(e);
  }
}

void Embedder::offload(Embedded& e) {
  if (e.node.kind != ir::NodeKind::effect) return;
  for (auto [v, end] = vertices(inputs_.nic.transmit.g); v != end; ++v) {
    const ir::Config& config = inputs_.nic.transmit.node(*v).config;
    if (!config.performs || config.performs->effect != e.node.impl) continue;
    if (!is_on(plan_.configuration.knobs, config.knob)) {
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

}  // namespace weft::passes
