#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "compiler/diag/counted.h"
#include "compiler/frontend/readers.h"
#include "compiler/frontend/yaml_reader.h"
#include "compiler/passes/pipeline.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/places.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

struct Found {
  std::string path, kind, name, summary;
};

template <class T>
diag::Result<Found> with(Found found, const diag::Result<T>& read, std::string name,
                         std::string summary) {
  if (!read) return diag::fail(read.error());
  found.name = std::move(name);
  found.summary = std::move(summary);
  return found;
}

diag::Result<Found> check_graph(Found found, const ir::FieldTable& fields) {
  auto graph = frontend::read_graph(found.path, fields);
  if (!graph) return diag::fail(graph.error());
  auto verified = passes::verify_graph(*graph, fields);
  if (!verified) return diag::fail(verified.error());
  return with(found, graph, graph->name,
              diag::counted(boost::num_vertices(graph->g), "node") +
                  ", ports exclusive and exhaustive, preconditions hold");
}

diag::Result<Found> check_nic(Found found, const ir::FieldTable& fields) {
  auto nic = frontend::read_nic(found.path, fields);
  if (!nic) return diag::fail(nic.error());
  auto verified = passes::verify_nic(*nic, fields);
  if (!verified) return diag::fail(verified.error());
  return with(
      found, nic, nic->name,
      fmt::format("{}, {}", nic->title, diag::counted(nic->rx_queues.max, "receive queue")));
}

diag::Result<Found> check_workload(Found found) {
  auto w = frontend::read_workload(found.path);
  if (!w) return diag::fail(w.error());
  return with(found, w, w->name,
              diag::counted(w->endpoints.size(), "endpoint") + ", " +
                  diag::counted(w->flows.size(), "flow"));
}

diag::Result<Found> check_plan(Found found, const ir::FieldTable& fields) {
  auto plan = plan::read_plan(found.path, fields);
  if (!plan) return diag::fail(plan.error());
  auto proved = proved_as_it_stands(*plan, found.path);
  if (!proved) return diag::fail(proved.error());
  return with(found, plan, plan->graph + " on " + plan->nic, "proved as it stands");
}

diag::Result<Found> check_machine(Found found) {
  auto machine = frontend::read_machine(found.path);
  if (!machine) return diag::fail(machine.error());
  const auto reserved = std::count_if(machine->cpus.begin(), machine->cpus.end(),
                                      [](const ir::Cpu& c) { return c.reserved; });
  return with(found, machine, machine->name,
              fmt::format("{}, {} reserved", diag::counted(machine->cpus.size(), "CPU"), reserved));
}

// What kind of file it is: the first of its keys that only one kind has.
diag::Result<std::string> kind_of(const std::string& path) {
  auto document = frontend::read_yaml(path);
  if (!document) return diag::fail(document.error());
  for (const auto& [key, value] : document->root().members())
    for (const char* kind : {"plan", "nic", "workload", "graph", "machine"})
      if (key.raw() == kind) return std::string(kind);
  diag::Diagnostic d =
      plain("E0464", "neither a graph nor a NIC model, workload, machine or plan",
            "such a file begins with `graph:`, `nic:`, `workload:`, `machine:` or `plan:`");
  d.span.file = path;
  return diag::fail(std::move(d));
}

diag::Result<std::string> find(const std::string& word) {
  std::vector<std::string> known;
  for (Kind kind : {Kind::graph, Kind::nic, Kind::workload}) {
    auto list = names(kind);
    if (std::find(list.begin(), list.end(), word) != list.end()) return path_of(kind, word);
    known.insert(known.end(), list.begin(), list.end());
  }
  if (word.find('/') != std::string::npos || word.ends_with(".yaml") ||
      std::filesystem::exists(word))
    return word;
  std::string near = diag::nearest(word, known);
  return diag::fail(plain("E0456", fmt::format("no file and no installed name `{}`", word),
                          near.empty() ? "" : fmt::format("did you mean `{}`?", near)));
}

diag::Result<Found> check_one(const std::string& word, const ir::FieldTable& fields) {
  auto path = find(word);
  if (!path) return diag::fail(path.error());
  auto kind = kind_of(*path);
  if (!kind) return diag::fail(kind.error());
  Found found{*path, *kind, "", ""};
  if (*kind == "graph") return check_graph(found, fields);
  if (*kind == "nic") return check_nic(found, fields);
  if (*kind == "workload") return check_workload(found);
  if (*kind == "machine") return check_machine(found);
  return check_plan(found, fields);
}

}  // namespace

int check(const CheckArgs& args) {
  auto fields = load_fields();
  if (!fields) return report(fields.error());
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  int worst = ok;
  for (const std::string& word : args.things) {
    auto found = check_one(word, *fields);
    if (!found) {
      int code = report(found.error());
      if (worst == ok) worst = code;
      nlohmann::ordered_json row{
          {"thing", word}, {"ok", false}, {"errors", nlohmann::json::array()}};
      for (const diag::Diagnostic& d : found.error().list)
        row["errors"].push_back({{"code", d.code},
                                 {"message", d.message},
                                 {"file", d.span.file},
                                 {"line", d.span.line},
                                 {"column", d.span.column},
                                 {"help", d.help}});
      rows.push_back(std::move(row));
    } else if (args.json) {
      rows.push_back({{"thing", word}, {"ok", true}, {"kind", found->kind}, {"name", found->name}});
    } else {
      print(fmt::format("{} {}: good ({})\n", found->kind, found->name, found->summary));
    }
  }
  if (args.json) print(rows.dump(2) + "\n");
  return worst;
}

}  // namespace weft::tool
