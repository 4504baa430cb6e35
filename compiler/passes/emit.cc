#include "compiler/passes/emit.h"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace weft::passes {

void emit(const Inputs& inputs, plan::Plan& plan) {
  plan.graph = inputs.graph.name;
  plan.nic = inputs.nic.name;
  plan.driver = inputs.nic.driver;
  plan.host = inputs.workload.host;
  plan.endpoints = inputs.workload.endpoints;
  plan.inputs = {{"graph", inputs.graph.digest},
                 {"nic", inputs.nic.digest},
                 {"workload", inputs.workload.digest},
                 {"headers", inputs.fields.digest},
                 {"costs", inputs.costs.digest}};
  auto& filters = plan.configuration.filters;
  // Rules for flows, f0, f1, ..., then those for sockets, s0, s1, ...
  std::stable_sort(filters.begin(), filters.end(), [](const auto& a, const auto& b) {
    return std::make_tuple(a.id[0], a.id.size(), std::string_view(a.id)) <
           std::make_tuple(b.id[0], b.id.size(), std::string_view(b.id));
  });
}

}  // namespace weft::passes
