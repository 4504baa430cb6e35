// Changes what runs: to another plan, or to the plan of another workload.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "compiler/frontend/readers.h"
#include "compiler/frontend/yaml_reader.h"
#include "compiler/plan/delta.h"
#include "compiler/plan/places.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/places.h"
#include "compiler/tool/running.h"
#include "compiler/tool/runtime_socket.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

constexpr std::size_t most_lines = 40;

bool is_plan(const std::string& path) {
  auto document = frontend::read_yaml(path);
  if (!document) return false;
  for (const auto& [key, value] : document->root().members())
    if (key.text() == "plan") return true;
  return false;
}

struct Target {
  plan::Plan plan;
  ir::Workload workload;
};

diag::Result<Target> target_of(const ApplyArgs& args, const Running& running) {
  Target out;
  if (is_plan(args.what)) {
    auto plan = load_plan(args.what);
    if (!plan) return diag::fail(plan.error());
    if (auto proved = proved_as_it_stands(*plan, args.what); !proved)
      return diag::fail(proved.error());
    out.plan = plan::with_places_of(std::move(*plan), running.plan.endpoints);
    out.plan.proof.content = plan::content_hash(out.plan);  // its steps are proved before it runs
    out.workload = planner::workload_of(out.plan);
    return out;
  }
  auto costs = args.costs.empty() ? costs_of(running.plan) : diag::Result<std::string>(args.costs);
  if (!costs) return diag::fail(costs.error());
  auto in = load_inputs(args.graph.empty() ? running.plan.graph : args.graph,
                        args.nic.empty() ? running.plan.nic : args.nic, args.what, *costs);
  if (!in) return diag::fail(in.error());
  in->workload = plan::with_places_of(std::move(in->workload), running.plan.endpoints);
  passes::Options options;
  options.queues = running.plan.configuration.rx_queues;
  options.cores = static_cast<unsigned>(running.plan.cores.size());
  options.beside = &running.plan;
  auto plan = passes::compile(*in, options);
  if (!plan) return diag::fail(plan.error());
  out.plan = std::move(*plan);
  out.workload = in->workload;
  return out;
}

}  // namespace

void print_operations(const std::vector<plan::Operation>& operations, bool all) {
  std::map<std::string, std::size_t> left;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (all || i < most_lines) {
      print(plan::text(operations[i]) + "\n");
    } else {
      ++left[plan::to_string(operations[i].kind)];
    }
  }
  for (const auto& [kind, count] : left) print(fmt::format("... and {} {}\n", count, kind));
}

int apply(const ApplyArgs& args) {
  auto session = Session::begin(args.stack, {"", args.graph, args.nic, "", args.costs});
  if (!session) return report(session.error());
  Session& with = **session;
  say_which(args.stack, with.running().name);
  auto target = target_of(args, with.running());
  if (!target) return report(target.error());
  auto operations = with.planner().change_to(target->plan, target->workload);
  if (!operations) return report(operations.error());
  print_operations(*operations, args.all);
  const bool changes = !operations->empty();
  if (args.dry_run) {
    say(changes ? fmt::format("{} operations, each proved; nothing was applied", operations->size())
                : fmt::format("{} runs that already", with.running().name));
    return changes && args.detailed_exitcode ? changes_pending : ok;
  }
  if (auto sent = with.send(*operations); !sent) return report(sent.error());
  // (The file's own words: names of rules, predictions, its proof.)
  if (auto named = with.name_it(target->plan); !named) return report(named.error());
  say(changes ? fmt::format("{} operations, each proved, applied to {}", operations->size(),
                            with.running().name)
              : fmt::format("{} runs that already", with.running().name));
  return changes && args.detailed_exitcode ? changes_pending : ok;
}

}  // namespace weft::tool
