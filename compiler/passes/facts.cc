#include "compiler/passes/facts.h"

#include <fmt/format.h>

#include "compiler/frontend/readers.h"
#include "compiler/ir/filter_shape.h"
#include "compiler/passes/addresses.h"
#include "compiler/passes/descriptor_terms.h"
#include "compiler/passes/flow_sources.h"
#include "compiler/passes/knobs.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

using smt::Term;

unsigned longest_frame(const ir::NicModel& nic) { return nic.max_frame - 4; }

namespace {

// The knobs that a predicate mentions, with their values: "rx.promiscuous off".
std::string knobs_in(const ir::ExprPtr& e, const plan::Configuration& config) {
  std::string out;
  for (const auto& name : ir::names_in(e)) {
    if (!name.starts_with("knob.")) continue;
    const std::string knob = name.substr(5);
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", knob,
                       is_on(config.knobs, knob) ? "on" : "off");
  }
  return out;
}

// A receive match lets packets pass towards the queues by all ports that do not end in a drop.
Fact passes(Symbolic& symbolic, const ir::NicModel& nic, const plan::Configuration& config,
            ir::Vertex v) {
  const ir::Node& node = nic.receive.node(v);
  std::vector<Term> ways;
  std::string because;
  for (const Branch& branch : symbolic.step(node, State{})) {
    const auto next = nic.receive.next(v, branch.port);
    const auto& when = node.ports[branch.port].when;
    if (when) because = knobs_in(when, config);
    if (next && nic.receive.node(*next).kind != ir::NodeKind::drop)
      ways.push_back(branch.condition);
  }
  return {fmt::format("the card drops the rest at `{}`{}{}", node.id, because.empty() ? "" : ": ",
                      because),
          symbolic.session().any_of(ways)};
}

// One rule of the table, any of them: its fields are in the flow table under an endpoint, and the
// mark says which.
Fact hit(Symbolic& symbolic, const ir::NicModel& nic, const std::vector<std::string>& tables,
         bool sources_answer) {
  smt::Session& session = symbolic.session();
  const auto* find_flow = decl_of("udp.find_flow");
  const Lookup flow = symbolic.default_lookup(*find_flow, symbolic.terms(find_flow->key, State{}));
  std::vector<Term> ways;
  std::string names;
  for (const auto& table : tables) {
    const ir::Node& node = nic.receive.node(*nic.receive.find(table));
    std::vector<Term> all = {
        symbolic.condition(ir::applies_to(*node.config.table, {{"udp.dst_port", 0xffff}}), State{}),
        flow.hit};
    if (node.config.table->fields.contains("ipv4.protocol")) {
      all.push_back(session.equal(symbolic.initial("ipv4.protocol"), session.number(17, 8)));
    }
    all.push_back(is_own(symbolic, "ipv4.dst"));  // rules name it
    if (sources_answer) {
      const auto source = frontend::parse_expr(flow_source, symbolic.fields(), {});
      if (source) all.push_back(symbolic.condition(*source, State{}));
      all.push_back(comes_from_peer(symbolic));
    }
    if (node.config.table->mark_reported) {
      const Term mark =
          session.arithmetic(ir::Op::add, session.resize(flow.result, 32), session.number(1, 32));
      all.push_back(session.equal(symbolic.initial("desc.mark"), mark));
      all.push_back(session.equal(symbolic.initial("desc.mark_valid"), session.number(1, 1)));
    }
    ways.push_back(session.all_of(all));
    names += (names.empty() ? "" : ", ") + table;
  }
  return {fmt::format("only rules of {} feed the queue", names), session.any_of(ways)};
}

// What the card may answer about a checksum. With the switch off its word means nothing.
void report(Symbolic& symbolic, const ir::Node& node, const plan::Configuration& config,
            std::vector<Fact>& out) {
  const ir::Report& report = *node.config.report;
  if (!is_on(config.knobs, node.config.knob)) return;
  smt::Session& session = symbolic.session();
  const Term answer = symbolic.initial(report.field);
  std::vector<Term> words = {session.equal(answer, session.number(1, 2))};
  if (report.none_is_good) words.push_back(session.equal(answer, session.number(3, 2)));
  std::vector<Term> good, bad;
  for (const ir::Claim& claim : report.claims) {
    const Term fact = fact_on_wire(symbolic, claim);
    const Term evidence = symbolic.condition(claim.evidence, State{});
    good.push_back(session.implies(session.all_of({session.any_of(words), evidence}), fact));
    const Term wrong = session.equal(answer, session.number(2, 2));
    bad.push_back(session.implies(session.all_of({wrong, evidence}), session.negate(fact)));
  }
  out.push_back({node.config.knob + " on", session.all_of(good)});
  if (report.bad_trusted)
    out.push_back({node.config.knob + " on, \"bad\" trusted", session.all_of(bad)});
}

}  // namespace

std::vector<Fact> facts_of(Symbolic& symbolic, const ir::NicModel& nic,
                           const plan::Configuration& config, QueueClass queue_class,
                           const std::vector<std::string>& feeding_tables, bool sources_answer) {
  std::vector<Fact> out;
  smt::Session& session = symbolic.session();
  out.push_back(
      {fmt::format("frames have at most {} bytes", longest_frame(nic)),
       session.less_equal(symbolic.initial("pkt.len"), session.number(longest_frame(nic), 16))});
  for (const ir::Vertex v : nic.receive.topological()) {
    const ir::Node& node = nic.receive.node(v);
    if (node.kind == ir::NodeKind::match) out.push_back(passes(symbolic, nic, config, v));
    if (node.config.report) report(symbolic, node, config, out);
  }
  if (queue_class == QueueClass::flows)
    out.push_back(hit(symbolic, nic, feeding_tables, sources_answer));
  return out;
}

}  // namespace weft::passes
