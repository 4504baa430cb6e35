#include "compiler/codegen/node_code.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::codegen {

using diag::fail;
using diag::Result;
using ir::Vertex;

bool ResidueContext::hot(Vertex v, unsigned port) const {
  const auto edge = edges.index(v, port);
  return edge && edges.edges[*edge].hot;
}

std::optional<std::pair<unsigned, Vertex>> ResidueContext::usual(Vertex v) const {
  for (unsigned e : edges.of_vertex[v]) {
    const auto& edge = edges.edges[e];
    if (edge.hot) return std::pair(edge.port, edge.to);
  }
  return std::nullopt;
}

std::string ResidueContext::counted(Vertex v, unsigned port) const {
  const auto edge = edges.index(v, port);
  if (!edge || edges.edges[*edge].hot) return "";
  return fmt::format("++core.edges[{}]; ", *edge);
}

std::set<Vertex> reachable(const ir::Graph& graph, Vertex start) {
  std::set<Vertex> found{start};
  std::vector<Vertex> work{start};
  const auto add = [&](Vertex to) {
    if (found.insert(to).second) work.push_back(to);
  };
  while (!work.empty()) {
    const Vertex v = work.back();
    work.pop_back();
    for (unsigned port = 0; port < graph.node(v).ports.size(); ++port) {
      if (auto to = graph.next(v, port)) add(*to);
    }
    for (const auto& [slot, to] : graph.spawns(v)) {
      if (ir::carries_buffer(slot)) add(to);
    }
  }
  return found;
}

const nodes::NodeDecl* declaration(const ir::Node& node) {
  if (node.kind != ir::NodeKind::effect) return nullptr;
  const auto* entry = nodes::find(node.impl);
  return entry == nullptr ? nullptr : entry->decl;
}

Result<const nodes::Entry*> stack_node(const std::string& name, const diag::Span& span) {
  if (const auto* entry = nodes::find(name)) return entry;
  return fail({.code = "E0518",
               .message = "there is no stack node '" + name + "'",
               .span = span,
               .help = "`weft nodes` lists all stack nodes"});
}

Result<std::string> type_of(ResidueContext& c, const std::string& impl, const diag::Span& span) {
  auto entry = stack_node(impl, span);
  if (!entry) return fail(entry.error());
  c.includes.insert(std::string((*entry)->header));
  return std::string((*entry)->type);
}

Result<std::vector<Way>> ways_of(const ResidueContext& c, Vertex v) {
  auto entry = stack_node(c.node(v).impl, c.node(v).span);
  if (!entry) return fail(entry.error());
  std::optional<Vertex> answer;
  if ((*entry)->decl->reuses_buffer) {
    for (const auto& [slot, to] : c.graph.spawns(v)) {
      if (ir::carries_buffer(slot)) answer = to;
    }
  }
  std::vector<Way> ways;
  const auto ports = nodes::split((*entry)->decl->ports);
  for (const auto& name : ports) {
    Way way{name, ports.size() == 1 ? std::optional<unsigned>(0) : c.graph.port(v, name), {}};
    if (way.port) way.to = c.graph.next(v, *way.port);
    if (ways.empty() && answer && way.port) way.to = answer;
    ways.push_back(std::move(way));
  }
  return ways;
}

Result<std::string> item_test(ResidueContext& c, const ir::Item& item) {
  std::string text;
  if (item.when) {
    auto when = c.expressions.compile(item.when);
    if (!when) return when;
    text = "(" + *when + ")";
  }
  if (!item.test.empty()) {
    auto name = type_of(c, item.test, item.span);
    if (!name) return name;
    text += (text.empty() ? "" : " || ") + *name + "::run(p, core)";
    if (item.when) text = "(" + text + ")";
  }
  return text.empty() ? std::string("true") : text;
}

std::vector<std::size_t> asking_order(const ir::Node& node) {
  std::vector<std::size_t> order;
  for (const bool costly : {false, true}) {
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (costly != node.items[i].test.empty()) order.push_back(i);
    }
  }
  return order;
}

bool is_application(const ir::Node& node) {
  return node.kind == ir::NodeKind::endpoint && node.impl == "application";
}

bool begins_way(const ResidueContext& c, Vertex v) {
  const auto kind = c.node(v).kind;
  return (kind == ir::NodeKind::wire || kind == ir::NodeKind::endpoint) && c.graph.next(v, 0);
}

std::string heading(const ir::Node& node) {
  auto text = fmt::format("{}, {}", ir::to_string(node.kind), ir::to_string(node.fate));
  if (!node.why.empty()) text += ": " + comment(node.why);
  if (!node.meaning.empty()) text += "; " + comment(node.meaning);
  return text;
}

std::string remark(const ir::Item& item) {
  std::string text = item.id;
  if (item.fate != ir::Fate::software || !item.why.empty()) {
    text += ": " + std::string(ir::to_string(item.fate));
  }
  return item.why.empty() ? text : text + ", " + comment(item.why);
}

std::string wrapped(const std::string& test) {
  if (test.size() < 90) return test;
  std::string text;
  for (std::size_t at = 0; at < test.size();) {
    const auto next = std::min(test.find(" && ", at + 1), test.size());
    text += (at == 0 ? "" : "\n            ") + test.substr(at, next - at);
    at = next;
  }
  return text;
}

std::string comment(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\\') c = ' ';
  }
  return line;
}

}  // namespace weft::codegen
