#include "compiler/passes/example_packet.h"

#include <fmt/format.h>

#include "compiler/passes/check_wishes.h"
#include "compiler/passes/difference.h"
#include "compiler/passes/prefer.h"
#include "compiler/passes/rule_terms.h"

namespace weft::passes {

using smt::Outcome;
using smt::Term;

std::optional<Counterexample> packet_of_both(ProofWorld& world, const RulePair& rules) {
  smt::Session& session = world.session;
  const ir::NicModel& nic = world.in.nic;
  const ir::Node& node = nic.receive.node(*nic.receive.find(rules.first->table));
  const ir::FilterTable& table = *node.config.table;
  world.assume_answers();
  session.add(world.symbolic.condition(table.applies, State{}));
  for (const plan::Filter* rule : {rules.first, rules.second})
    session.add(hits(world.symbolic, table, *rule));
  if (session.check("a packet of both rules") == Outcome::unsat) return std::nullopt;
  // (Rather one that reaches an application.)
  for (const Leaf& leaf : world.wanted().leaves) {
    if (!leaf.application) continue;
    session.push();
    session.add(leaf.when);
    const bool can = session.check("one that is delivered") == Outcome::sat;
    session.pop();
    if (!can) continue;
    session.add(leaf.when);
    break;
  }
  prefer_real(world.symbolic, world.in, world.plan, false);
  Counterexample out;
  out.entry = "rx";
  out.queue = rules.first->queue;
  out.expected = fmt::format("one rule of {} counts", node.id);
  out.actual = fmt::format("{} (queue {}) or {} (queue {})", rules.first->id, rules.first->queue,
                           rules.second->id, rules.second->queue);
  out.why = misorder_text(table, *rules.first, *rules.second);
  show_described(world, out);
  return out;
}

namespace {

// A datagram of the flow that gets to its application.
Counterexample datagram_of(const plan::Plan& plan, const Inputs& inputs, const TableFacts& facts,
                           const Suspect& flow) {
  ProofWorld world(plan, inputs, facts, &flow);
  world.pin(flow);
  world.assume_answers();
  std::vector<Term> ways;
  for (const Leaf& leaf : world.wanted().leaves)
    if (leaf.application && leaf.about.empty()) ways.push_back(leaf.when);
  world.session.add(world.symbolic.condition(ir::has("udp"), State{}));
  world.session.add(world.session.any_of(ways));
  prefer_real(world.symbolic, inputs, plan, false);
  Counterexample out;
  out.entry = "rx";
  show_described(world, out);
  return out;
}

}  // namespace

std::optional<Counterexample> flow_elsewhere(const plan::Plan& plan, const Inputs& inputs,
                                             const TableCheck& tables) {
  const auto shown = [&](const Suspect& flow, unsigned queue) {
    Counterexample out = datagram_of(plan, inputs, tables.facts, flow);
    out.queue = queue;
    out.actual = fmt::format("arrives on queue {}", queue);
    return out;
  };
  const Steering card(inputs.nic, inputs.fields, plan.configuration);
  for (const Suspect& suspect : tables.suspects) {
    const auto where = card.deliver(suspect.key);
    if (!where || !suspect.endpoint || !suspect.owner || where->queue == *suspect.owner) continue;
    Counterexample out = shown(suspect, where->queue);
    out.expected = fmt::format("{}: queue {}", where_planned, *suspect.owner);
    out.why = suspect.why;
    return out;
  }
  const auto misplaced = misplaced_flow(plan, inputs);
  if (!misplaced) return std::nullopt;
  Suspect flow{.key = misplaced->key};
  flow.endpoint = flow.plan_endpoint = misplaced->endpoint;
  flow.owner = misplaced->queue;
  Counterexample out = shown(flow, misplaced->queue);
  out.expected = where_wanted;
  out.why = fmt::format("flow {} arrives on queue {}: {}", flow_text(flow.key), misplaced->queue,
                        misplaced->breach.why);
  return out;
}

}  // namespace weft::passes
