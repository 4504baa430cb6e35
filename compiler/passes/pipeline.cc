#include "compiler/passes/pipeline.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "compiler/frontend/readers.h"
#include "compiler/passes/choose.h"
#include "compiler/passes/choose_beside.h"
#include "compiler/passes/classes.h"
#include "compiler/passes/configure.h"
#include "compiler/passes/embed.h"
#include "compiler/passes/emit.h"
#include "compiler/passes/in_time.h"
#include "compiler/passes/isolate.h"
#include "compiler/passes/objectives.h"
#include "compiler/passes/place.h"
#include "compiler/passes/resolve.h"

namespace weft::passes {

namespace {

// What a packet costs on which queue is known when residues are. Where queues that need not
// classify have one of their own, flows are spread again with it. The residues stay: they hold for
// any such choice whose rules of the same tables feed queues that nothing else reaches.
diag::Result<void> rebalance(const Inputs& inputs, const Options& options, Choice& choice,
                             plan::Plan& plan) {
  // (Beside a plan that runs, what can stay where it is stays.)
  if (plan.residues.size() < 2 || !choice.core_queues.empty()) return {};
  const auto classify = choice.classify();
  const auto cost = [&](std::size_t i) { return cycles_of(plan.residues[i].graph, inputs.costs); };
  Settled settled{choice.rss, std::vector<double>(choice.rx_queues, cost(1))};
  for (const unsigned q : classify) settled.cycles[q] = cost(0);
  Options guess = options;
  guess.certify = false;  // the rules are the same, and judged
  auto again = choose(inputs, guess, &settled);
  if (!again || again->feeding() != choice.feeding() || again->classify() != classify) return {};
  again->chosen.certified = choice.chosen.certified;
  choice = std::move(*again);
  plan::Plan spread;
  if (auto ok = configure(inputs, choice, spread); !ok) return ok;
  spread.configuration.rss.segment = plan.configuration.rss.segment;  // the residues' word
  plan.configuration = std::move(spread.configuration);
  plan.flows = std::move(spread.flows);
  plan.chosen = std::move(spread.chosen);
  residues_to_queues(choice, plan);
  return {};
}

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

diag::Result<Choice> choice_of(const Inputs& inputs, const Options& options) {
  if (options.beside != nullptr) {
    if (auto choice = choose_beside(inputs, options, *options.beside)) return std::move(*choice);
    if (auto choice = choose_upon(inputs, options, *options.beside)) return std::move(*choice);
  }
  return choose(inputs, options);
}

// Residues that were made for another choice, and what card and choice showed of themselves then.
struct Embedded {
  std::vector<plan::Residue> residues;
  std::optional<std::vector<std::string>> segment;
};
using Known = std::map<std::string, Embedded>;

std::string shown_to_embed(const Inputs& inputs, const Choice& choice) {
  std::set<std::string> tables;
  for (const FlowChoice& f : choice.flows) tables.insert(f.table);
  for (const SocketChoice& s : choice.sockets)
    tables.insert((inputs.workload.endpoints[s.endpoint].tcp ? "TCP by " : "all of ") + s.table +
                  (s.group.empty()  ? ""
                   : s.entries == 0 ? " anywhere"
                                    : " grouped"));
  return fmt::format("{} {} {} {} {}", fmt::join(tables, ","), fmt::join(choice.feeding(), ","),
                     choice.closed().empty(), choice.open.size() > 1,
                     fmt::join(choice.rss.types, ","));
}

diag::Result<void> embed_or_take(const Inputs& inputs, const Choice& choice, Known* known,
                                 plan::Plan& plan) {
  if (known == nullptr) return embed(inputs, choice, plan);
  const auto [at, fresh] = known->try_emplace(shown_to_embed(inputs, choice));
  if (fresh) {
    if (auto ok = embed(inputs, choice, plan); !ok) return ok;
    at->second = {plan.residues, plan.configuration.rss.segment};
    return {};
  }
  plan.residues = at->second.residues;
  plan.configuration.rss.segment = at->second.segment;
  residues_to_queues(choice, plan);
  return {};
}

// A plan without a proof. What 99 of 100 packets of the priority classes take at most. `known`: for
// a plan that is compared with others, and thrown away.
diag::Result<double> draft(const Inputs& inputs, const Options& options, plan::Plan& plan,
                           Known* known = nullptr) {
  const auto dump = [&](const char* pass, const std::string& text) {
    if (options.dump) options.dump(pass, text);
  };
  auto choice = choice_of(inputs, options);
  if (!choice) return diag::fail(choice.error());
  dump("choose", to_string(*choice));

  if (auto ok = configure(inputs, *choice, plan); !ok) return diag::fail(ok.error());
  dump("configure", plan::to_yaml(plan));

  if (auto ok = embed_or_take(inputs, *choice, known, plan); !ok) return diag::fail(ok.error());
  for (const auto& residue : plan.residues) dump("embed", frontend::print_graph(residue.graph));

  if (auto ok = rebalance(inputs, options, *choice, plan); !ok) return diag::fail(ok.error());
  dump("rebalance", to_string(*choice));
  return place(inputs, *choice, plan);
}

plan::Compared figures(const plan::Plan& plan, double latency_us) {
  plan::Compared out;
  out.cores = static_cast<unsigned>(plan.cores.size());
  for (const plan::NetCore& core : plan.cores)
    out.priority += static_cast<unsigned>(core.priority.size());
  out.filters = static_cast<unsigned>(plan.configuration.filters.size());
  out.load = plan.chosen.cores.busiest;
  out.latency_us = latency_us;
  return out;
}

Options as(const Alternative& way, Options options) {
  options.cores = way.cores;
  options.gold_queues = way.gold_queues;
  options.few_filters = way.few_filters;
  return options;
}

// Which of several choices the workload's order of objectives picks.
diag::Result<Picked> by_objectives(const Inputs& inputs, Options options,
                                   const std::function<bool()>& more) {
  options.certify = false;
  options.dump = nullptr;
  Known known;
  const auto look = [&](const Alternative& way) -> diag::Result<plan::Compared> {
    plan::Plan plan;
    const auto latency = draft(inputs, as(way, options), plan, &known);
    if (!latency) return diag::fail(latency.error());
    return figures(plan, *latency);
  };
  const ir::Workload& w = inputs.workload;
  return pick(w.objectives,
              ways(w, options.queues != 0 ? options.queues : w.queues,
                   options.cores != 0 ? options.cores : w.cores),
              inputs.machine && inputs.machine->mhz > 0, look, more);
}

// A choice, and the plan without a proof that comes of it.
diag::Result<void> decide(const Inputs& inputs, const Options& options,
                          const std::function<bool()>& late, plan::Plan& plan) {
  plan = {};
  Options how = options;
  how.certify = how.certify && !late();
  std::optional<Picked> picked;
  if (!inputs.workload.objectives.empty() && options.beside == nullptr) {
    auto found = by_objectives(inputs, how, [&] { return !late(); });
    if (!found) return diag::fail(found.error());
    picked = std::move(*found);
    how = as(picked->way, how);
  }
  const auto latency = draft(inputs, how, plan);
  if (!latency) return diag::fail(latency.error());
  if (picked) {
    picked->compared.front() = figures(plan, *latency);
    for (const ir::Objective o : inputs.workload.objectives)
      plan.chosen.objectives.emplace_back(to_string(o));
    plan.chosen.compared = std::move(picked->compared);
  }
  return {};
}

// Whose packets are copied: each way is drafted, and its figures compared.
diag::Result<Isolated> by_copies(const Inputs& inputs, Options options,
                                 const std::function<bool()>& late) {
  options.certify = false;
  options.dump = nullptr;
  const bool ordered = !inputs.workload.objectives.empty() && options.beside == nullptr;
  Known known;
  return isolate(inputs, [&](const Inputs& in) -> diag::Result<plan::Compared> {
    if (ordered) {
      auto picked = by_objectives(in, options, [&] { return !late(); });
      if (!picked) return diag::fail(picked.error());
      return picked->compared.front();
    }
    plan::Plan plan;
    const auto latency = draft(in, options, plan, &known);
    if (!latency) return diag::fail(latency.error());
    return figures(plan, *latency);
  });
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
