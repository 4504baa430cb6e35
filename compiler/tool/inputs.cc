#include "compiler/tool/inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "compiler/frontend/readers.h"
#include "compiler/plan/places.h"
#include "compiler/tool/places.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

// Appends what is wrong, so that one run reports the errors of all files.
template <class T, class Reader>
void take(T& into, const diag::Result<std::string>& path, diag::Error& errors, Reader read) {
  if (!path) {
    errors.list.insert(errors.list.end(), path.error().list.begin(), path.error().list.end());
    return;
  }
  auto value = read(*path);
  if (value) {
    into = std::move(*value);
  } else {
    errors.list.insert(errors.list.end(), value.error().list.begin(), value.error().list.end());
  }
}

diag::Result<passes::Inputs> read_all(const std::string& graph, const std::string& nic,
                                      const diag::Result<std::string>& workload,
                                      const diag::Result<std::string>& costs) {
  auto fields = load_fields();
  if (!fields) return diag::fail(fields.error());
  passes::Inputs in;
  in.fields = std::move(*fields);
  diag::Error errors;
  take(in.graph, resolve(Kind::graph, graph), errors,
       [&](const std::string& path) { return frontend::read_graph(path, in.fields); });
  take(in.nic, resolve(Kind::nic, nic), errors,
       [&](const std::string& path) { return frontend::read_nic(path, in.fields); });
  take(in.workload, workload, errors, frontend::read_workload);
  take(in.costs, costs, errors, passes::read_costs);
  if (!errors.list.empty()) return diag::fail(std::move(errors));
  return in;
}

// The installed workload with the recorded hash.
diag::Result<std::string> workload_of(const plan::Plan& plan) {
  auto recorded = plan.inputs.find("workload");
  for (const std::string& name : names(Kind::workload)) {
    std::string path = path_of(Kind::workload, name);
    auto read = frontend::read_workload(path);
    if (read && recorded != plan.inputs.end() && read->digest == recorded->second) return path;
  }
  return diag::fail(plain("E0454", "none of the installed workloads is the one of this plan",
                          "give it with --workload FILE, or compile the plan again; one that "
                          "changed while it ran is its own workload: --workload PLAN"));
}

}  // namespace

diag::Result<std::string> costs_of(const plan::Plan& plan) {
  auto recorded = plan.inputs.find("costs");
  for (const std::string& name : names(Kind::costs)) {
    auto read = passes::read_costs(path_of(Kind::costs, name));
    if (read && recorded != plan.inputs.end() && read->digest == recorded->second)
      return path_of(Kind::costs, name);
  }
  return path_of(Kind::costs, "default");
}

diag::Result<ir::FieldTable> load_fields() { return frontend::read_headers(headers_folder()); }

diag::Result<passes::Inputs> load_inputs(const std::string& graph, const std::string& nic,
                                         const std::string& workload, const std::string& costs) {
  return read_all(graph, nic, resolve(Kind::workload, workload), resolve(Kind::costs, costs));
}

diag::Result<plan::Plan> load_plan(const std::string& path) {
  auto fields = load_fields();
  if (!fields) return diag::fail(fields.error());
  return plan::read_plan(path, *fields);
}

diag::Result<passes::Inputs> load_inputs_of(const plan::Plan& plan, const PlanWords& words) {
  auto in = read_all(
      words.graph.empty() ? plan.graph : words.graph, words.nic.empty() ? plan.nic : words.nic,
      words.workload.empty() ? workload_of(plan) : resolve(Kind::workload, words.workload),
      words.costs.empty() ? costs_of(plan) : resolve(Kind::costs, words.costs));
  // (A plan that changed while it ran has numbers of its own.)
  if (in) in->workload = plan::with_places_of(std::move(in->workload), plan.endpoints);
  return in;
}

diag::Result<void> same_inputs(const plan::Plan& plan, const passes::Inputs& inputs) {
  const std::map<std::string, std::pair<std::string, std::string>> named = {
      {"graph", {plan.graph, inputs.graph.name}}, {"nic", {plan.nic, inputs.nic.name}}};
  const std::pair<const char*, const std::string*> now[] = {{"graph", &inputs.graph.digest},
                                                            {"nic", &inputs.nic.digest},
                                                            {"workload", &inputs.workload.digest},
                                                            {"headers", &inputs.fields.digest},
                                                            {"costs", &inputs.costs.digest}};
  diag::Error errors;
  for (const auto& [name, digest] : now) {
    auto then = plan.inputs.find(name);
    if (then == plan.inputs.end()) {
      errors.list.push_back(plain("E0454", fmt::format("the plan does not say which {} it was made "
                                                       "from",
                                                       name)));
    } else if (auto both = named.find(name);
               both != named.end() && both->second.first != both->second.second) {
      errors.list.push_back(
          plain("E0454", fmt::format("the plan was made for {} `{}`, not `{}`", name,
                                     both->second.first, both->second.second)));
    } else if (then->second != *digest) {
      errors.list.push_back(
          plain("E0454", fmt::format("the plan was made from another {}: SHA-256 {} then, {} now",
                                     name, then->second.substr(0, 12), digest->substr(0, 12))));
    }
  }
  if (errors.list.empty()) return {};
  errors.list.back().help =
      "compile the plan again, or give the files it was made from (--graph, --nic, --workload, "
      "--costs)";
  return diag::fail(std::move(errors));
}

diag::Result<void> proved_as_it_stands(const plan::Plan& plan, const std::string& path) {
  if (plan.proof.status != "proved")
    return diag::fail(
        plain("E0457", fmt::format("`{}` is not proved", path), "compile it without --no-proof"));
  if (plan.proof.content != plan::content_hash(plan))
    return diag::fail(plain("E0453", fmt::format("`{}` was edited after it was proved", path),
                            "plans are not edited by hand: change the inputs and compile again"));
  return {};
}

}  // namespace weft::tool
