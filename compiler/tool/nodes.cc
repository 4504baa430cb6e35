#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "compiler/tool/commands.h"
#include "compiler/tool/say.h"
#include "stack-nodes/registry.h"

namespace weft::tool {
namespace {

const char* state_word(nodes::State state) {
  static constexpr const char* words[] = {"none", "config", "owned", "replicated"};
  return words[static_cast<int>(state)];
}

nlohmann::ordered_json json_of(const nodes::Entry& entry) {
  const nodes::NodeDecl& d = *entry.decl;
  return {{"name", d.name},
          {"kind", d.kind == nodes::Kind::test ? "test" : "effect"},
          {"ports", nodes::split(d.ports)},
          {"reads", nodes::split(d.reads)},
          {"writes", nodes::split(d.writes)},
          {"assigns", d.assigns},
          {"requires", d.requires_},
          {"state", state_word(d.state)},
          {"key", nodes::split(d.key)},
          {"table", d.table},
          {"spawns", nodes::split(d.spawns)},
          {"meaning", d.meaning},
          {"source", d.source},
          {"header", entry.header}};
}

void line(const char* what, std::string_view value) {
  if (!value.empty()) print(fmt::format("  {:<10} {}\n", what, value));
}

void show(const nodes::Entry& entry) {
  const nodes::NodeDecl& d = *entry.decl;
  print(fmt::format("{}  ({})\n", d.name, d.kind == nodes::Kind::test ? "test" : "effect"));
  line("meaning", d.meaning);
  line("ports", d.ports);
  line("requires", d.requires_ == "true" ? "" : d.requires_);
  line("reads", d.reads);
  line("writes", d.writes);
  line("assigns", d.assigns);
  line("state", d.state == nodes::State::none ? "" : state_word(d.state));
  line("key", d.key);
  line("table", d.table);
  line("spawns", d.spawns);
  line("source", d.source);
  line("written in", entry.header);
}

}  // namespace

int nodes(const NodesArgs& args) {
  if (args.name.empty()) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const nodes::Entry& entry : nodes::all()) {
      if (args.json) {
        rows.push_back(json_of(entry));
      } else {
        print(fmt::format("{:<28} {:<7} {}\n", entry.decl->name,
                          entry.decl->kind == nodes::Kind::test ? "test" : "effect",
                          entry.decl->meaning));
      }
    }
    if (args.json) print(rows.dump(2) + "\n");
    return ok;
  }
  const nodes::Entry* entry = nodes::find(args.name);
  if (entry == nullptr) {
    std::vector<std::string> known;
    for (const nodes::Entry& e : nodes::all()) known.emplace_back(e.decl->name);
    std::string near = diag::nearest(args.name, known);
    return report(diag::Error(
        plain("E0460", fmt::format("no stack node `{}`", args.name),
              near.empty() ? "`weft nodes` lists them" : fmt::format("did you mean `{}`?", near))));
  }
  if (args.json) {
    print(json_of(*entry).dump(2) + "\n");
  } else {
    show(*entry);
  }
  return ok;
}

}  // namespace weft::tool
