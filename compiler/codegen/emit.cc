#include "compiler/codegen/emit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "compiler/codegen/general_code.h"
#include "compiler/codegen/straight_code.h"

namespace weft::codegen {
namespace {

using diag::fail;
using diag::Result;
using ir::Vertex;

// The straight way of an entry, and the same cut in front of large tables; which of them is taken
// is decided for each batch.
struct Straight {
  const char* name;       // "receive"
  const char* arguments;  // beside `core` and `n`
  const char* passed;     // the same in a call
  const char* source;     // of packet number i
  const char* make;       // makes a packet of it
  StraightSpec::Plain plain;
  unsigned entry;
  std::vector<std::string> kept;  // what the source keeps saying (StraightSpec)
};
const Straight straight[] = {
    {"receive",
     "Frame* const* frames",
     "frames",
     "*frames[i]",
     "received",
     {},
     ir::entry_rx,
     {"desc.ip_cksum", "desc.l4_cksum", "desc.mark_valid", "desc.mark"}},
    {"send",
     "const Datagram* datagrams",
     "datagrams",
     "datagrams[i]",
     "packet_of",
     {"is_plain", "packet_of_plain"},
     ir::entry_udp_send,
     {"meta.endpoint", "meta.src_port", "meta.dst_port"}},
};

// Two functions of one name: the ways in an anonymous namespace, and the one that picks.
struct StraightText {
  std::string ways, pick;
};

Result<StraightText> straight_ways(ResidueContext& c, const Straight& s) {
  const auto head = fmt::format("void {}(Core& core, {}, unsigned n) {{\n", s.name, s.arguments);
  const auto impossible = c.edges.impossible_counter();
  if (!c.edges.entries[s.entry]) {
    return StraightText{
        "", head + fmt::format("  for (unsigned i = 0; i < n; ++i) {{\n"
                               "    generated::refuse(core, {}({}), core.edges[{}]);\n  }}\n}}\n\n",
                               s.make, s.source, impossible)};
  }
  const Vertex start = *c.edges.entries[s.entry];
  const auto stops = cuts(c, start);
  StraightText text;
  std::string large;
  for (Vertex v : stops) {
    large += fmt::format("{}core.{}.bytes() > generated::cached_bytes", large.empty() ? "" : " || ",
                         nodes::find(c.node(v).impl)->decl->table);
  }
  c.entered.insert(start);
  std::vector<std::string> of_batch;
  for (const bool cut : {false, true}) {
    if (cut && stops.empty()) continue;
    const auto name = std::string(s.name) + (cut ? "_cut" : "_straight");
    auto way =
        write_straight(c, {name, s.arguments, s.source, s.make, s.plain, s.kept, start, cut});
    if (!way) return fail(way.error());
    text.ways += way->text;
    if (!cut) of_batch = way->of_batch;
  }
  text.pick = head + fmt::format("  core.edges[{}] += n;\n", c.edges.entry_counter(s.entry));
  text.pick += fmt::format(
      "  if (!core.room_for(n)) [[unlikely]] {{\n"
      "    for (unsigned i = 0; i < n; ++i) go_on(core, {}({}), At::{});\n    return;\n  }}\n",
      s.make, s.source, c.label(start));
  const auto call = [&](const char* way, bool held) {
    return fmt::format("return {}_{}<{}>(core, {}, n);\n", s.name, way, held, s.passed);
  };
  // (A way that waits for memory loses nothing by asking each packet.)
  if (!stops.empty()) text.pick += fmt::format("  if ({}) {}", large, call("cut", false));
  if (!of_batch.empty()) {
    text.pick += fmt::format("  if (!(({}))) [[unlikely]] {}", fmt::join(of_batch, ") && ("),
                             call("straight", false));
  }
  text.pick += "  " + call("straight", true) + "}\n\n";
  return text;
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

Result<std::string> residue_code(const plan::Residue& residue, const ir::FieldTable& fields,
                                 ExprCompiler& expressions, std::set<std::string>& includes) {
  const auto edges = ir::EdgeTable::of(residue.graph);
  if (edges.order.empty()) {
    return fail({.code = "E0519",
                 .message = "residue " + residue.id + " has a cycle",
                 .span = residue.graph.span});
  }
  ResidueContext c{residue.graph, edges, fields, expressions, includes, {}, false};
  std::string cases, ways, picks;
  for (unsigned entry = 0; entry < edges.entries.size(); ++entry) {
    if (!edges.entries[entry]) continue;
    c.entered.insert(*edges.entries[entry]);
    cases += fmt::format(
        "    case {}:  // {}\n      core.edges[{}] += n;\n"
        "      for (unsigned i = 0; i < n; ++i) go_on(core, packets[i], At::{});\n      return;\n",
        entry, ir::entry_name(entry), edges.entry_counter(entry), c.label(*edges.entries[entry]));
  }
  for (const auto& s : straight) {
    auto text = straight_ways(c, s);
    if (!text) return fail(text.error());
    ways += text->ways;
    picks += text->pick;
  }
  // (Written last: it is entered where the straight ways leave.)
  auto general = write_general(c);
  if (!general) return general;
  std::string head = fmt::format("// Residue {}, class {}: {}\n", residue.id,
                                 comment(residue.queue_class), comment(residue.graph.title));
  head += decisions(residue);
  return fmt::format(
      "{}namespace residue_{} {{\nnamespace {{\n\n{}{}}}  // namespace\n\n{}"
      "void run(Core& core, Packet* packets, unsigned n, unsigned entry) {{\n"
      "  switch (entry) {{\n{}  }}\n"
      "  for (unsigned i = 0; i < n; ++i) generated::refuse(core, packets[i], "
      "core.edges[{}]);\n}}\n\n"
      "constexpr unsigned edge_count = {};\n\n}}  // namespace residue_{}\n\n",
      head, identifier(residue.id), *general, ways, picks, cases, edges.impossible_counter(),
      edges.size(), identifier(residue.id));
}

}  // namespace

Result<std::string> generate(const plan::Plan& plan, const ir::FieldTable& fields) {
  ExprCompiler expressions(fields);
  std::set<std::string> includes, done;
  std::string body, table;
  for (const auto& residue : plan.residues) {
    table += fmt::format(
        "    {{\"{0}\", residue_{1}::receive, residue_{1}::send, residue_{1}::run,\n"
        "     residue_{1}::edge_count}},\n",
        comment(residue.id), identifier(residue.id));
    if (!done.insert(residue.id).second) continue;  // equal residues share one function
    auto code = residue_code(residue, fields, expressions, includes);
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
      "  static const weft_residue residues[] = {{\n{}    {{nullptr, nullptr, nullptr, nullptr, "
      "0}}}};\n"
      "  static const weft_generated generated = {{codegen::abi_version, sizeof(Core), "
      "sizeof(Packet),\n                                           WEFT_KEY, {}, residues}};\n"
      "  return &generated;\n}}\n",
      table, plan.residues.size());
  return text;
}

}  // namespace weft::codegen
