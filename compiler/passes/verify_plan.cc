// Pass "prove": card followed by residue does what the protocol graph says, for every packet and
// every answer that the card may give, from every entry.
// Pre: any plan, from anywhere. Post: a proof record, or a packet that shows the difference.
#include <set>

#include "compiler/passes/check_wishes.h"
#include "compiler/passes/example_packet.h"
#include "compiler/passes/pipeline.h"
#include "compiler/passes/proof_world.h"
#include "compiler/passes/prove.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/rule_overlap.h"
#include "compiler/passes/tables.h"

namespace weft::passes {

namespace {

// What needs no solver.
diag::Result<void> check_form(const plan::Plan& plan, const Inputs& inputs) {
  if (auto ok = check_plan(plan, inputs); !ok) return ok;
  for (const auto& residue : plan.residues) {
    if (auto ok = resolve(residue.graph, inputs.fields, true); !ok) return ok;
  }
  return {};
}

void settle(Verdict& all) {
  all.proved = !all.counterexample;
  all.proof.status = all.proved ? "proved" : "none";
}

// What card and residues do, whatever the workload wants beside it.
diag::Result<Verdict> prove_meaning(const plan::Plan& plan, const Inputs& inputs,
                                    const TableCheck& tables) {
  Verdict all;
  all.proof.solver = smt::Session::version();
  all.proof.not_proved = opaque(inputs.graph);
  const auto take = [&](diag::Result<Verdict> one) -> diag::Result<void> {
    if (!one) return diag::fail(one.error());
    all.proof.leaves += one->proof.leaves;
    all.proof.queries += one->proof.queries;
    all.counterexample = std::move(one->counterexample);
    return {};
  };
  // Rules that have no order, or the wrong one: what they are for is not what they do.
  for (const RulePair& rules : misordered_rules(plan.configuration, inputs.nic, inputs.fields)) {
    ProofWorld world(plan, inputs, tables.facts);
    all.counterexample = packet_of_both(world, rules);
    all.proof.queries += world.session.queries();
    if (all.counterexample) return all;
  }
  // Entries that do not fit first: each shows a concrete flow that goes wrong.
  // (A handover may make up for some.) Then everything else.
  for (const Suspect& suspect : tables.suspects) {
    if (auto ok = take(prove_one(plan, inputs, tables.facts, suspect)); !ok)
      return diag::fail(ok.error());
    if (all.counterexample) return all;
  }
  if (auto ok = take(prove_all(plan, inputs, tables.facts, tables.suspects)); !ok)
    return diag::fail(ok.error());
  settle(all);
  return all;
}

// Strangers that arrive where the workload does not want them.
std::optional<Counterexample> strangers(ProofWorld& world) {
  world.assume_answers();
  world.assume_length();
  return misplaced_stranger(world.symbolic, world.plan, world.in, world.facts, world.wanted());
}

}  // namespace

std::vector<std::string> opaque(const ir::Graph& graph) {
  std::set<std::string> out;
  for (auto [v, end] = vertices(graph.g); v != end; ++v) {
    const auto* decl = decl_of(graph.node(*v));
    if (decl != nullptr && !decl->spawns.empty() && !decl->reuses_buffer)
      out.insert(std::string(decl->name));
  }
  return {out.begin(), out.end()};
}

diag::Result<Verdict> verify_meaning(const plan::Plan& plan, const Inputs& inputs) {
  if (auto ok = check_form(plan, inputs); !ok) return diag::fail(ok.error());
  return prove_meaning(plan, inputs, check_tables(plan, inputs));
}

diag::Result<Verdict> verify_plan(const plan::Plan& plan, const Inputs& inputs) {
  if (auto ok = check_form(plan, inputs); !ok) return diag::fail(ok.error());
  const TableCheck tables = check_tables(plan, inputs);
  auto all = prove_meaning(plan, inputs, tables);
  if (!all || !all->proved) return all;
  all->counterexample = flow_elsewhere(plan, inputs, tables);
  if (!all->counterexample) {
    if (auto ok = check_wishes(plan, inputs); !ok) return diag::fail(ok.error());
    ProofWorld world(plan, inputs, tables.facts);
    all->counterexample = strangers(world);
    all->proof.queries += world.session.queries();
  }
  settle(*all);
  return all;
}

}  // namespace weft::passes
