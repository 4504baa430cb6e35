// Reads what commands work on.
#pragma once

#include <string>

#include "compiler/passes/pipeline.h"

namespace weft::tool {

// Words as people give them: names of the installation or paths (places.h).
diag::Result<ir::FieldTable> load_fields();
diag::Result<passes::Inputs> load_inputs(const std::string& graph, const std::string& nic,
                                         const std::string& workload, const std::string& costs);

// A plan, and what it was made from. Empty words stand for what the plan names; workload and costs,
// whose names no plan holds, are found among the installed ones by their hashes.
struct PlanWords {
  std::string plan, graph, nic, workload, costs;
};
diag::Result<plan::Plan> load_plan(const std::string& path);
// The installed costs with the recorded hash; those that are the default where none are (then
// same_inputs says so).
diag::Result<std::string> costs_of(const plan::Plan& plan);
diag::Result<passes::Inputs> load_inputs_of(const plan::Plan& plan, const PlanWords& words);

// E0454 naming every input that is not the one the plan was made from.
diag::Result<void> same_inputs(const plan::Plan& plan, const passes::Inputs& inputs);
// E0453 when the plan was edited after it was proved, E0457 when it never was.
diag::Result<void> proved_as_it_stands(const plan::Plan& plan, const std::string& path);

}  // namespace weft::tool
