#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "compiler/frontend/readers.h"
#include "compiler/frontend/yaml_reader.h"
#include "compiler/ir/dot.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/exec.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/places.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

bool installed(Kind kind, const std::string& word) {
  auto list = names(kind);
  return std::find(list.begin(), list.end(), word) != list.end();
}

diag::Result<ir::Graph> of_plan(const std::string& path, unsigned queue,
                                const ir::FieldTable& fields) {
  auto plan = plan::read_plan(path, fields);
  if (!plan) return diag::fail(plan.error());
  if (const plan::Residue* residue = plan::residue_of_queue(*plan, queue)) return residue->graph;
  return diag::fail(plain("E0460", fmt::format("the plan has no queue {}", queue),
                          fmt::format("its queues: 0 to {}", plan->configuration.rx_queues - 1)));
}

diag::Result<ir::Graph> of_nic(const std::string& path, const std::string& direction,
                               const ir::FieldTable& fields) {
  auto nic = frontend::read_nic(path, fields);
  if (!nic) return diag::fail(nic.error());
  return direction == "transmit" ? nic->transmit : nic->receive;
}

// What a file holds is told by its first keys.
diag::Result<ir::Graph> of_file(const std::string& path, const GraphArgs& args,
                                const ir::FieldTable& fields) {
  auto document = frontend::read_yaml(path);
  if (!document) return diag::fail(document.error());
  for (const auto& [key, value] : document->root().members()) {
    if (key.raw() == "plan") return of_plan(path, args.queue, fields);
    if (key.raw() == "nic") return of_nic(path, args.direction, fields);
  }
  return frontend::read_graph(path, fields);
}

diag::Result<ir::Graph> load(const GraphArgs& args) {
  auto fields = load_fields();
  if (!fields) return diag::fail(fields.error());
  if (installed(Kind::nic, args.thing))
    return of_nic(path_of(Kind::nic, args.thing), args.direction, *fields);
  if (installed(Kind::graph, args.thing))
    return frontend::read_graph(path_of(Kind::graph, args.thing), *fields);
  std::error_code ignored;
  if (args.thing.find('/') != std::string::npos || args.thing.ends_with(".yaml") ||
      std::filesystem::exists(args.thing, ignored))
    return of_file(args.thing, args, *fields);
  auto known = names(Kind::graph);
  for (const std::string& name : names(Kind::nic)) known.push_back(name);
  std::string near = diag::nearest(args.thing, known);
  return diag::fail(plain("E0456", fmt::format("no file, graph or NIC model `{}`", args.thing),
                          near.empty() ? "" : fmt::format("did you mean `{}`?", near)));
}

}  // namespace

int graph(const GraphArgs& args) {
  auto graph = load(args);
  if (!graph) return report(graph.error());
  if (args.format == "text") {
    print(frontend::print_graph(*graph));
    return ok;
  }
  std::string dot = ir::to_dot(*graph);
  if (args.format == "svg") {
    auto picture = filter("dot", {"-Tsvg"}, dot, "graphviz");
    if (!picture) return report(picture.error());
    dot = std::move(*picture);
  }
  print(dot);
  return ok;
}

}  // namespace weft::tool
