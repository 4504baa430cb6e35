#include "compiler/passes/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "compiler/plan/memory.h"

namespace weft::passes {

namespace {

// What there is a runtime for (runtime/tool/load.cc refuses the rest).
constexpr ir::Placement runs[] = {ir::Placement::run_to_completion};
constexpr ir::Placement all[] = {ir::Placement::run_to_completion, ir::Placement::dedicated,
                                 ir::Placement::pipelined};

bool can_run(ir::Placement how) {
  return std::find(std::begin(runs), std::end(runs), how) != std::end(runs);
}

std::string reason(const ir::Endpoint& e, double ring) {
  std::string out = e.placement
                        ? "the workload says so"
                        : std::string("of what can be run, a request takes the net core least so");
  for (const ir::Placement p : all) {
    out += fmt::format("{} {} {:.0f} cycles{}", p == all[0] ? ":" : ",", ir::to_string(p),
                       app_cycles(e, p, ring), can_run(p) ? "" : " (cannot be run yet)");
  }
  return out;
}

// Of all that comes to it, packets per second.
double rate_of(const ir::Workload& workload, unsigned endpoint) {
  double out = workload.endpoints[endpoint].rate;
  for (const ir::Flow& f : workload.flows) out += f.endpoint == endpoint ? f.rate : 0;
  for (const ir::FlowSet& s : workload.sets) out += s.endpoint == endpoint ? s.rate : 0;
  return out;
}

}  // namespace

double app_cycles(const ir::Endpoint& endpoint, ir::Placement how, double ring) {
  switch (how) {
    case ir::Placement::run_to_completion: return endpoint.cost;
    case ir::Placement::dedicated: return 2 * ring;
    case ir::Placement::pipelined: return endpoint.cost + 2 * ring;
  }
  return endpoint.cost;
}

std::vector<plan::Placed> placements(const Inputs& inputs) {
  const double ring = inputs.costs.of("handover");
  std::vector<plan::Placed> out;
  const auto& endpoints = inputs.workload.endpoints;
  for (unsigned i = 0; i < endpoints.size(); ++i) {
    const ir::Endpoint& e = endpoints[i];
    // (Where a request costs the application nothing that anybody knows of, nothing is to be said.)
    if (!e.placement && e.cost == 0) continue;
    const auto least = std::min_element(std::begin(runs), std::end(runs), [&](auto a, auto b) {
      return app_cycles(e, a, ring) < app_cycles(e, b, ring);
    });
    const ir::Placement how = e.placement.value_or(*least);
    plan::Placed placed{i, how, reason(e, ring)};
    placed.process = plan::process_of(e, how);
    if (!placed.process.empty()) {
      placed.copies = e.copied;
      placed.rate = rate_of(inputs.workload, i);
      placed.size = e.size;
    }
    out.push_back(std::move(placed));
  }
  return out;
}

}  // namespace weft::passes
