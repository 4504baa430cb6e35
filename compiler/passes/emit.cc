#include "compiler/passes/emit.h"

#include <algorithm>

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
  std::stable_sort(filters.begin(), filters.end(), [](const auto& a, const auto& b) {
    return std::make_pair(a.id.size(), a.id) < std::make_pair(b.id.size(), b.id);
  });
}

}  // namespace weft::passes
