#include "compiler/codegen/emit.h"

#include <fmt/format.h>

#include <set>

#include "compiler/codegen/function_code.h"

namespace weft::codegen {
namespace {

using diag::fail;
using diag::Result;
using ir::Vertex;

// Nodes that look into a table which may miss the cache, among those reachable from `start`.
std::vector<Vertex> cuts(const ResidueContext& c, Vertex start) {
  const auto found = reachable(c.graph, start, {});
  std::vector<Vertex> stops;
  for (Vertex v : c.edges.order) {
    const auto& node = c.graph.node(v);
    if (!found.contains(v) || node.kind != ir::NodeKind::effect) continue;
    const auto* entry = nodes::find(node.impl);
    if (entry != nullptr && entry->decl->cut) stops.push_back(v);
  }
  return stops;
}

// The staged form of an entry: every chain is cut in front of the tables, the batch stays whole.
Result<std::string> staged(const ResidueContext& c, const std::string& name, Vertex start,
                           const std::vector<Vertex>& stops) {
  std::string text;
  // Later stages first: functions are defined before they are used.
  for (std::size_t i = stops.size(); i-- > 0;) {
    const std::vector<Vertex> later(stops.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                    stops.end());
    auto stage = write_function(
        c, {name + "_from_" + identifier(c.graph.node(stops[i]).id), stops[i], later, true});
    if (!stage) return stage;
    text += *stage + "\n";
  }
  auto first = write_function(c, {name + "_until_cut", start, stops, false});
  if (!first) return first;
  text += *first + "\n";
  text += fmt::format("void {}_staged(Core& core, Packet* packets, unsigned n) {{\n", name);
  std::string at;
  for (Vertex v : stops) {
    const auto waiting = "at_" + identifier(c.graph.node(v).id);
    text += fmt::format("  generated::Waiting {};\n", waiting);
    at += ", " + waiting;
  }
  text += fmt::format("  {}_until_cut(core, packets, n{});\n", name, at);
  for (Vertex v : stops) {
    text +=
        fmt::format("  {}_from_{}(core, packets{});\n", name, identifier(c.graph.node(v).id), at);
    at = at.substr(std::min(at.size(), at.find(", ", 1)));
  }
  return text + "}\n\n";
}

std::string decisions(const plan::Residue& residue) {
  std::string text;
  for (const auto& d : residue.decisions) {
    if (d.fate != ir::Fate::gone) continue;
    text += fmt::format("//   gone: {}{}{}: {}\n", d.node, d.item.empty() ? "" : ".", d.item,
                        comment(d.why));
  }
  return text;
}

Result<std::string> residue_code(const plan::Residue& residue, ExprCompiler& expressions,
                                 std::set<std::string>& includes) {
  const auto edges = ir::EdgeTable::of(residue.graph);
  if (edges.order.empty()) {
    return fail({.code = "E0519",
                 .message = "residue " + residue.id + " has a cycle",
                 .span = residue.graph.span});
  }
  const ResidueContext c{residue.graph, edges, expressions, includes};
  std::string text, cases;
  for (unsigned entry = 0; entry < edges.entries.size(); ++entry) {
    if (!edges.entries[entry]) continue;
    const Vertex start = *edges.entries[entry];
    const auto name = "run_" + ir::entry_name(entry);
    const auto stops = cuts(c, start);
    auto fused = write_function(c, {name, start, {}, false});
    if (!fused) return fused;
    text += *fused + "\n";
    std::string call = fmt::format("return {}(core, packets, n);", name);
    if (!stops.empty()) {
      auto cut = staged(c, name, start, stops);
      if (!cut) return cut;
      text += *cut;
      std::string large;
      for (Vertex v : stops) {
        const auto* node = nodes::find(c.graph.node(v).impl);
        large += fmt::format("{}core.{}.bytes() > generated::cached_bytes",
                             large.empty() ? "" : " || ", node->decl->table);
      }
      call =
          fmt::format("if ({}) return {}_staged(core, packets, n);\n      {}", large, name, call);
    }
    cases += fmt::format("    case {}:\n      core.edges[{}] += n;\n      {}\n", entry,
                         edges.entry_counter(entry), call);
  }
  std::string head = fmt::format("// Residue {}, class {}: {}\n", residue.id,
                                 comment(residue.queue_class), comment(residue.graph.title));
  head += decisions(residue);
  return fmt::format(
      "{}namespace residue_{} {{\nnamespace {{\n\n{}}}  // namespace\n\n"
      "void run(Core& core, Packet* packets, unsigned n, unsigned entry) {{\n"
      "  switch (entry) {{\n{}  }}\n"
      "  core.edges[{}] += n;  // no such entry\n"
      "  for (unsigned i = 0; i < n; ++i) core.release(packets[i]);\n}}\n\n"
      "constexpr unsigned edge_count = {};\n\n}}  // namespace residue_{}\n\n",
      head, identifier(residue.id), text, cases, edges.impossible_counter(), edges.size(),
      identifier(residue.id));
}

}  // namespace

Result<std::string> generate(const plan::Plan& plan, const ir::FieldTable& fields) {
  ExprCompiler expressions(fields);
  std::set<std::string> includes, done;
  std::string body, table;
  for (const auto& residue : plan.residues) {
    table += fmt::format("    {{\"{0}\", residue_{1}::run, residue_{1}::edge_count}},\n",
                         comment(residue.id), identifier(residue.id));
    if (!done.insert(residue.id).second) continue;  // equal residues share one function
    auto code = residue_code(residue, expressions, includes);
    if (!code) return code;
    body += *code;
  }
  std::string text = fmt::format(
      "// Generated by weft from protocol graph {} on card {}. Do not edit: change the graph, the\n"
      "// card's model or the nodes, and compile again. What each node became, and why, stands at\n"
      "// its label.\n"
      "#include \"compiler/codegen/abi.h\"\n#include \"compiler/codegen/support.h\"\n",
      comment(plan.graph), comment(plan.nic));
  for (const auto& include : includes) text += "#include \"" + include + "\"\n";
  text += "\nnamespace weft {\nnamespace {\n\n" + expressions.accessors() + "\n}  // namespace\n\n";
  text += body;
  text += fmt::format(
      "}}  // namespace weft\n\n"
      "extern \"C\" __attribute__((visibility(\"default\")))\n"
      "const weft_generated* weft_generated_entry() {{\n  using namespace weft;\n"
      "  static const weft_residue residues[] = {{\n{}    {{nullptr, nullptr, 0}}}};\n"
      "  static const weft_generated generated = {{codegen::abi_version, sizeof(Core), "
      "sizeof(Packet),\n                                           WEFT_KEY, {}, residues}};\n"
      "  return &generated;\n}}\n",
      table, plan.residues.size());
  return text;
}

}  // namespace weft::codegen
