#include "compiler/passes/descriptor_terms.h"
#include "compiler/passes/knobs.h"

#include "compiler/passes/resolve.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

using smt::Term;

namespace {

// Units that are on and report on a fact.
std::vector<const ir::Node*> reporters(const ir::NicModel& nic, const plan::Plan& plan) {
  std::vector<const ir::Node*> out;
  for (const ir::Node* node : receive_order(nic)) {
    if (node->config.report && is_on(plan.configuration.knobs, node->config.knob))
      out.push_back(node);
  }
  return out;
}

// The frame came with this checksum unfinished.
Term unfinished(Symbolic& symbolic, const ir::Report& report, const ir::Claim& claim) {
  smt::Session& session = symbolic.session();
  return session.all_of({session.equal(symbolic.initial(report.field), session.number(3, 2)),
                         symbolic.condition(claim.evidence, State{})});
}

}  // namespace

std::map<std::string, Term> unfinished_checksums(Symbolic& symbolic, const ir::NicModel& nic,
                                                 const plan::Plan& plan) {
  std::map<std::string, Term> out;
  for (const ir::Node* node : reporters(nic, plan)) {
    const ir::Report& report = *node->config.report;
    if (!report.none_is_good) continue;
    for (const ir::Claim& claim : report.claims)
      out.emplace(claim.fact, unfinished(symbolic, report, claim));
  }
  return out;
}

// (What a test reads may have been found out by opening the datagram: where it ends.)
Term fact_on_wire(Symbolic& symbolic, const ir::Claim& claim) {
  const State opened = symbolic.effect(*decl_of("ipv4.open"), State{}).front().after;
  return symbolic.test(claim.fact, opened);
}

std::vector<Term> card_answers(Symbolic& symbolic, const ir::NicModel& nic,
                               const plan::Plan& plan) {
  smt::Session& session = symbolic.session();
  std::vector<Term> out;
  for (const ir::Node* node : reporters(nic, plan)) {
    const ir::Report& report = *node->config.report;
    const Term answer = symbolic.initial(report.field);
    for (const ir::Claim& claim : report.claims) {
      const Term fact = fact_on_wire(symbolic, claim);
      const Term evidence = symbolic.condition(claim.evidence, State{});
      const auto says = [&](unsigned word) {
        return session.all_of({session.equal(answer, session.number(word, 2)), evidence});
      };
      out.push_back(session.implies(says(1), fact));
      if (report.none_is_good)
        out.push_back(session.implies(unfinished(symbolic, report, claim), fact));
      if (report.bad_trusted) out.push_back(session.implies(says(2), session.negate(fact)));
    }
  }
  return out;
}

State card_transmit(Symbolic& symbolic, const ir::NicModel& nic, const plan::Plan& plan,
                    State state) {
  smt::Session& session = symbolic.session();
  for (const ir::Vertex v : nic.transmit.topological()) {
    const ir::Config& config = nic.transmit.node(v).config;
    if (!config.performs || !is_on(plan.configuration.knobs, config.knob)) continue;
    const auto asks = [&](const std::string& field) {
      return session.equal(symbolic.value(state, field), session.number(1, 1));
    };
    Term asked = asks(config.performs->field);
    if (!config.performs->needs.empty())
      asked = session.all_of({asked, asks(config.performs->needs)});
    if (session.is_false(asked)) continue;
    const State done = symbolic.effect(*decl_of(config.performs->effect), state).front().after;
    State merged = done;
    for (auto& [name, term] : merged.values)
      term = session.ite(asked, term, symbolic.value(state, name));
    state = std::move(merged);
  }
  return state;
}

}  // namespace weft::passes
