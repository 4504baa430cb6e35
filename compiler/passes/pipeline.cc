#include "compiler/passes/pipeline.h"

#include <fmt/format.h>

#include <chrono>

#include "compiler/frontend/readers.h"
#include "compiler/passes/classes.h"
#include "compiler/passes/emit.h"
#include "compiler/passes/in_time.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/ways.h"

namespace weft::passes {

namespace {

// Checks, and a plan whose card and residues do what the graph says.
diag::Result<void> prove(const Inputs& inputs, plan::Plan& plan) {
  auto verdict = verify_plan(plan, inputs);
  if (!verdict) return diag::fail(verdict.error());
  if (!verdict->proved) {
    return diag::fail(diag::Diagnostic{
        "E0700",
        fmt::format("the compiler's own plan does not prove: {}", verdict->counterexample->why),
        {},
        "",
        {{"expected: " + verdict->counterexample->expected, {}},
         {"actual: " + verdict->counterexample->actual, {}}},
        "this is a bug of weft or a contradiction in the model; nothing was written"});
  }
  plan.proof = verdict->proof;
  plan.proof.content = plan::content_hash(plan);
  return {};
}

void tell(const Isolated& isolated, plan::Plan& plan) {
  const auto cost = packet_cost(isolated.inputs, plan.configuration.knobs);
  for (plan::Placed& p : plan.chosen.placement) {
    const auto why = isolated.why.find(p.endpoint);
    if (why == isolated.why.end()) continue;
    const ir::Endpoint& e = isolated.inputs.workload.endpoints[p.endpoint];
    p.why +=
        fmt::format("; copied for {:.0f} cycles a packet: {}", copy_cycles(e, cost), why->second);
  }
}

}  // namespace

diag::Result<plan::Plan> compile(const Inputs& inputs, const Options& options) {
  plan::Plan plan;
  const auto start = std::chrono::steady_clock::now();
  const auto late = [&] {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    return options.time_limit && spent.count() >= *options.time_limit;
  };
  const auto dump = [&](const char* pass, const std::string& text) {
    if (options.dump) options.dump(pass, text);
  };

  if (auto ok = resolve(inputs.graph, inputs.fields, false); !ok) return diag::fail(ok.error());
  if (auto ok = takes_protocols(inputs); !ok) return diag::fail(ok.error());
  dump("resolve", frontend::print_graph(inputs.graph));

  if (auto ok = verify_graph(inputs.graph, inputs.fields); !ok) return diag::fail(ok.error());
  if (auto ok = verify_nic(inputs.nic, inputs.fields); !ok) return diag::fail(ok.error());
  dump("verify", "graph and model hold\n");

  std::optional<Isolated> isolated;
  if (may_copy(inputs.workload)) {
    auto found = by_copies(inputs, options, late);
    if (!found) return diag::fail(found.error());
    isolated = std::move(*found);
  }
  const Try attempt = [&](const Inputs& in, const Options& how) {
    return decide(in, how, late, plan);
  };
  if (auto ok = in_time(isolated ? isolated->inputs : inputs, options, attempt); !ok)
    return diag::fail(ok.error());
  if (isolated) tell(*isolated, plan);
  emit(inputs, plan);
  dump("place", plan::to_yaml(plan));

  plan.chosen.stopped = late();
  if (options.prove && !plan.chosen.stopped) {
    if (auto ok = prove(inputs, plan); !ok) return diag::fail(ok.error());
    dump("prove", fmt::format("{}: {} leaves, {} queries, {}\n", plan.proof.status,
                              plan.proof.leaves, plan.proof.queries, plan.proof.solver));
  }
  dump("emit", plan::to_yaml(plan));
  return plan;
}

}  // namespace weft::passes
