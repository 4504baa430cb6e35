#include "compiler/passes/draft.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "compiler/frontend/readers.h"
#include "compiler/passes/choose.h"
#include "compiler/passes/choose_beside.h"
#include "compiler/passes/configure.h"
#include "compiler/passes/cycles.h"
#include "compiler/passes/embed.h"

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

diag::Result<Choice> choice_of(const Inputs& inputs, const Options& options) {
  if (options.beside != nullptr) {
    if (auto choice = choose_beside(inputs, options, *options.beside)) return std::move(*choice);
    if (auto choice = choose_upon(inputs, options, *options.beside)) return std::move(*choice);
  }
  return choose(inputs, options);
}

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

// What of another choice's residues a plan's figures depend on. Other rules make other handovers:
// where no packet's usual way passes one, they change nothing; else all that embedding looks at
// counts.
std::string shown_to_figures(const Inputs& inputs, const Choice& choice, const Known& known) {
  const auto passes_none = [&](const plan::Residue& r) {
    return cycles_of(r.graph, inputs.costs) == cycles_of(r.graph, inputs.costs, false);
  };
  for (const auto& [shown, made] : known)
    if (!std::all_of(made.residues.begin(), made.residues.end(), passes_none))
      return shown_to_embed(inputs, choice);
  // (Queues that rules alone feed have the second residue; all have the first.)
  if (choice.closed().empty() && !known.empty()) return known.begin()->first;
  return fmt::format("{}", fmt::join(choice.feeding(), ","));
}

diag::Result<void> embed_or_take(const Inputs& inputs, const Choice& choice, Known* known,
                                 plan::Plan& plan) {
  if (known == nullptr) return embed(inputs, choice, plan);
  const auto [at, fresh] = known->try_emplace(shown_to_figures(inputs, choice, *known));
  if (fresh) {
    if (auto ok = embed(inputs, choice, plan); !ok) return ok;
    at->second = {plan.residues, plan.configuration.rss.segment};
    return {};
  }
  plan.residues = at->second.residues;
  if (choice.closed().empty()) plan.residues.resize(1);
  plan.configuration.rss.segment = at->second.segment;
  residues_to_queues(choice, plan);
  return {};
}

}  // namespace

diag::Result<Foreseen> draft(const Inputs& inputs, const Options& options, plan::Plan& plan,
                             Known* known) {
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

}  // namespace weft::passes
