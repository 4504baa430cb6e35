#include "compiler/passes/prove.h"

#include "compiler/passes/affinity.h"
#include "compiler/passes/difference.h"
#include "compiler/passes/proof_world.h"
#include "compiler/passes/prove_entries.h"

namespace weft::passes {

namespace {

using Found = std::optional<Counterexample>;

// Nothing is proved by assumptions that no packet fulfils.
diag::Result<Found> can_hold(ProofWorld& world) {
  switch (world.session.check("assumptions can hold")) {
    case smt::Outcome::sat: return Found();
    case smt::Outcome::unknown: return Found(gave_up("rx", "whether the assumptions can hold"));
    default: break;
  }
  return diag::fail(diag::Diagnostic{"E0410",
                                     "the model's assumptions contradict each other",
                                     {},
                                     "",
                                     {},
                                     "check the model's evidence and the workload's host"});
}

// Every packet; or, if `suspect`, those of one flow.
diag::Result<Found> search(ProofWorld& world, const Suspect* suspect) {
  if (suspect != nullptr) world.pin(*suspect);
  world.assume_answers();
  auto found = can_hold(world);
  if (!found || *found) return found;
  world.session.push();
  world.assume_length();
  Received received = prove_receive(world, suspect);
  found = std::move(received.found);
  if (!*found && suspect == nullptr)
    found = check_affinity(world.symbolic, world.plan, world.in, world.facts, world.shards);
  world.session.pop();
  if (!*found)
    found = suspect != nullptr ? prove_reassembled(world, *suspect) : prove_transmit(world);
  if (!*found) found = std::move(received.abstract);
  return found;
}

diag::Result<Verdict> verdict(ProofWorld& world, const Suspect* suspect) {
  auto found = search(world, suspect);
  if (!found) return diag::fail(found.error());
  Verdict out;
  out.counterexample = std::move(*found);
  out.proved = !out.counterexample;
  out.proof.leaves = world.leaves;
  out.proof.queries = world.session.queries();
  return out;
}

}  // namespace

diag::Result<Verdict> prove_all(const plan::Plan& plan, const Inputs& inputs,
                                const TableFacts& facts, const std::vector<Suspect>& left_out) {
  ProofWorld world(plan, inputs, facts);
  for (const Suspect& suspect : left_out) world.leave_out(suspect);
  return verdict(world, nullptr);
}

diag::Result<Verdict> prove_one(const plan::Plan& plan, const Inputs& inputs,
                                const TableFacts& facts, const Suspect& suspect) {
  ProofWorld world(plan, inputs, facts, &suspect);
  return verdict(world, &suspect);
}

}  // namespace weft::passes
