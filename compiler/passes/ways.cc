#include "compiler/passes/ways.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "compiler/passes/cycles.h"
#include "compiler/passes/draft.h"
#include "compiler/passes/objectives.h"

namespace weft::passes {

namespace {

Options as(const Alternative& way, Options options) {
  options.cores = way.cores;
  options.gold_queues = way.gold_queues;
  options.few_filters = way.few_filters;
  return options;
}

// Drafts one way after the other, the first as if it were the last.
class Ways {
 public:
  Ways(const Inputs& inputs, const Options& options) : inputs_(inputs), options_(options) {
    guess_ = options;
    guess_.certify = false;
    guess_.dump = nullptr;
  }

  diag::Result<Picked> pick(const Late& late) {
    const ir::Workload& w = inputs_.workload;
    const auto look = [&](const Alternative& way) { return figures_of(way); };
    const auto least = [&](const Alternative& way) { return least_of(way); };
    return passes::pick(w.objectives,
                        ways(w, options_.queues != 0 ? options_.queues : w.queues,
                             options_.cores != 0 ? options_.cores : w.cores),
                        inputs_.machine && inputs_.machine->mhz > 0, look, least,
                        [&] { return !late(); });
  }

  // The first of them, where it can be: a plan to keep.
  std::optional<plan::Plan> first;
  Alternative first_way;

 private:
  diag::Result<plan::Compared> figures_of(const Alternative& way) {
    const bool keep = !looked_;
    looked_ = true;
    plan::Plan plan;
    const auto found = draft(inputs_, as(way, keep ? options_ : guess_), plan, &known_);
    if (!found) return diag::fail(found.error());
    const plan::Compared out = figures(plan, found->latency_us);
    if (!based_) base_on(plan, *found);
    if (keep) {
      first = std::move(plan);
      first_way = way;
    }
    return out;
  }

  void base_on(const plan::Plan& plan, const Foreseen& foreseen) {
    based_ = true;
    queues_ = plan.configuration.rx_queues;
    foreseen_ = foreseen;
    const auto cycles = [&](const plan::Residue& r) {
      return cycles_of(r.graph, inputs_.costs, false);
    };
    any_ = cheapest_ = cycles(plan.residues.front());
    for (const plan::Residue& r : plan.residues) cheapest_ = std::min(cheapest_, cycles(r));
  }

  // Whoever does it, cores have the packets' cycles to do; and without a rule of their own those
  // of a flow arrive on a queue that must classify them.
  plan::Compared least_of(const Alternative& way) const {
    plan::Compared out;
    out.cores = std::min(way.cores, queues_);
    const double classified = way.few_filters ? foreseen_.spare * (any_ - cheapest_) : 0;
    out.load = (foreseen_.rate * cheapest_ + classified + foreseen_.beside) / out.cores;
    return out;
  }

  const Inputs& inputs_;
  const Options& options_;
  Options guess_;
  Known known_;
  bool looked_ = false, based_ = false;
  unsigned queues_ = 1;
  Foreseen foreseen_;
  double any_ = 0, cheapest_ = 0;  // cycles for a packet where all arrives; where it takes fewest
};

}  // namespace

diag::Result<void> decide(const Inputs& inputs, const Options& options, const Late& late,
                          plan::Plan& plan) {
  plan = {};
  Options how = options;
  how.certify = how.certify && !late();
  if (options.beside != nullptr) {
    const auto found = draft(inputs, how, plan);
    return found ? diag::Result<void>() : diag::fail(found.error());
  }
  Ways ways(inputs, how);
  auto picked = ways.pick(late);
  if (!picked) return diag::fail(picked.error());
  if (ways.first && picked->way == ways.first_way) {
    plan = std::move(*ways.first);
  } else {
    const auto found = draft(inputs, as(picked->way, how), plan);
    if (!found) return diag::fail(found.error());
    picked->compared.front() = figures(plan, found->latency_us);
  }
  for (const ir::Objective o : inputs.workload.objectives)
    plan.chosen.objectives.emplace_back(to_string(o));
  plan.chosen.compared = std::move(picked->compared);
  return {};
}

diag::Result<Isolated> by_copies(const Inputs& inputs, Options options, const Late& late) {
  options.certify = false;
  options.dump = nullptr;
  // (The first way has as little load as any, about.)
  const bool ordered =
      inputs.workload.objectives.front() != ir::Objective::load && options.beside == nullptr;
  Known known;
  return isolate(inputs, [&](const Inputs& in) -> diag::Result<plan::Compared> {
    if (ordered) {
      auto picked = Ways(in, options).pick(late);
      if (!picked) return diag::fail(picked.error());
      return picked->compared.front();
    }
    plan::Plan plan;
    const auto found = draft(in, options, plan, &known);
    if (!found) return diag::fail(found.error());
    return figures(plan, found->latency_us);
  });
}

}  // namespace weft::passes
