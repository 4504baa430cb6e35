#include "compiler/frontend/graph_nodes.h"

#include <fmt/format.h>

#include "compiler/frontend/expr_parser.h"

namespace weft::frontend {

using ir::Node;
using ir::NodeKind;
using ir::Vertex;

void GraphReader::read_test_ports(Mapping& m, Vertex v, Node& out) {
  Mapping ports(m.required("ports"), fmt::format("the ports of test `{}`", out.id));
  for (const char* name : {"yes", "no"}) {
    const auto target =
        options_.residue ? ports.optional(name) : std::optional<Value>(ports.required(name));
    out.ports.push_back({.name = name, .span = target ? target->span() : out.span});
    if (target) lead(v, static_cast<unsigned>(out.ports.size() - 1), *target);
  }
  ports.done();
}

void GraphReader::read_match(Mapping& m, Vertex v, Node& out) {
  const Value ports = m.required("ports");
  unsigned otherwise = 0;
  for (const auto& [key, value] : ports.members()) {
    ir::Port port{.name = port_name(key), .span = key.span()};
    Mapping p(value, fmt::format("port `{}` of `{}`", port.name, out.id));
    const auto when = p.optional("when");
    const auto other = p.optional("otherwise");
    const auto to = options_.residue ? p.optional("to") : std::optional<Value>(p.required("to"));
    p.done();
    if (when) port.when = read_condition(*when, fields_);
    if (other && other->flag()) ++otherwise;
    if (other && otherwise > 1) {
      key.error("E0225", fmt::format("node `{}` has two ports for all the rest", out.id), "",
                "one port may say `otherwise: true`");
    }
    if (value.is_mapping() && when.has_value() == other.has_value()) {
      key.error("E0225",
                fmt::format("port `{}` of `{}` has {}", port.name, out.id,
                            when ? "both `when` and `otherwise`" : "no condition"),
                "", "add `when: \"...\"`, or `otherwise: true` for all the rest");
    }
    out.ports.push_back(std::move(port));
    if (to) lead(v, static_cast<unsigned>(out.ports.size() - 1), *to);
  }
  if (ports.is_mapping() && out.ports.empty() && !options_.residue) {
    ports.error("E0224", fmt::format("node `{}` has no port", out.id));
  }
}

void GraphReader::read_join(Mapping& m, Vertex v, Node& out) {
  const bool is_and = out.kind == NodeKind::conjunction;
  out.ports.push_back({.name = is_and ? "yes" : "no", .span = out.span});
  const Value of = m.required("of");
  for (const Value& entry : of.list()) read_item(entry, v, out);
  if (of.is_sequence() && out.items.empty() && !options_.residue) {
    of.error("E0228", fmt::format("node `{}` joins nothing", out.id), "",
             "list conditions: {id: length, when: \"...\", else: NODE}");
  }
  read_next(m, v, out, "", true);
}

void GraphReader::read_item(const Value& entry, Vertex v, Node& out) {
  Mapping i(entry, fmt::format("a condition of `{}`", out.id));
  const bool is_and = out.kind == NodeKind::conjunction;
  const std::size_t before = entry.error_count();
  const Value id = i.required("id");
  ir::Item item{.id = id.name(), .span = id.present() ? id.span() : entry.span()};
  const auto when = i.optional("when");
  if (when) item.when = read_condition(*when, fields_);
  if (const auto test = i.optional("test")) item.test = test->dotted();
  // Where the packet goes that fails (and) or passes (or) here.
  const char* way = is_and ? "else" : "then";
  const auto target = options_.residue ? i.optional(way) : std::optional<Value>(i.required(way));
  if (options_.residue) read_fate(i, item.fate, item.why);
  i.done();
  if (entry.is_mapping() && !when && !i.has("test") && entry.error_count() == before) {
    entry.report({.code = "E0228",
                  .message = fmt::format("condition `{}` of `{}` has neither `when` nor `test`",
                                         item.id, out.id),
                  .span = item.span,
                  .help = "add `when: \"...\"`, or `test: ` and the name of a stack node"});
  }
  for (const ir::Port& port : out.ports) {
    if (port.name == item.id && !item.id.empty()) {
      id.error("E0227", fmt::format("node `{}` has `{}` twice", out.id, item.id), "",
               "each condition is a port of its own and needs its own id");
    }
  }
  out.ports.push_back({.name = item.id, .span = item.span});
  if (target) lead(v, static_cast<unsigned>(out.ports.size() - 1), *target);
  out.items.push_back(std::move(item));
}

}  // namespace weft::frontend
