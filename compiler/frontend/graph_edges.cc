#include "compiler/frontend/graph_nodes.h"

#include <fmt/format.h>

#include <set>

namespace weft::frontend {

using ir::Node;

namespace {

// Where `e` speaks of `name` (as names_in gives it).
const ir::Expr* find_name(const ir::Expr& e, const std::string& name) {
  if (e.op == ir::Op::name && e.name == name) return &e;
  if (e.op == ir::Op::has && "has " + e.name == name) return &e;
  for (const ir::ExprPtr& arg : e.args) {
    if (const ir::Expr* found = find_name(*arg, name)) return found;
  }
  return nullptr;
}

}  // namespace

void GraphReader::finish(const Value& at) {
  for (const Pending& edge : pending_) connect(edge);
  check_headers(at);
  if (broken_ || at.error_count() != errors_before_) return;
  check_structure(graph_, options_.residue, at);
}

void GraphReader::connect(const Pending& edge) {
  const std::string to = edge.target.name();
  if (to.empty()) {
    broken_ = true;
    return;
  }
  const auto target = graph_.find(to);
  if (!target) {
    broken_ = true;
    std::vector<std::string> ids;
    for (const auto& [id, unused] : graph_.index) ids.push_back(id);
    const std::string near = diag::nearest(to, ids);
    const Node& from = graph_.node(edge.from);
    const std::string who =
        edge.slot.empty() ? fmt::format("port `{}` of `{}`", from.ports[edge.port].name, from.id)
                          : fmt::format("slot `{}` of `{}`", edge.slot, from.id);
    edge.target.error("E0220", fmt::format("{} leads to `{}`, and there is no such node", who, to),
                      near.empty() ? "" : fmt::format("did you mean `{}`?", near),
                      "declare it under `nodes:` or, a drop reason, under `drops:`");
    return;
  }
  if (edge.slot.empty()) {
    graph_.connect(edge.from, edge.port, *target);
  } else {
    graph_.connect_spawn(edge.from, edge.slot, *target);
  }
}

void GraphReader::check_headers(const Value& at) {
  if (graph_.headers.empty()) return;
  const std::set<std::string> known(graph_.headers.begin(), graph_.headers.end());
  const auto check = [&](const ir::ExprPtr& e, const std::string& node) {
    for (const std::string& name : ir::names_in(e)) {
      const std::string header =
          name.starts_with("has ") ? name.substr(4) : name.substr(0, name.find('.'));
      if (fields_.header(header) == nullptr || known.contains(header)) continue;
      const ir::Expr* where = find_name(*e, name);
      at.report({.code = "E0229",
                 .message = fmt::format("node `{}` looks into header `{}`, which the graph does "
                                        "not name",
                                        node, header),
                 .span = where == nullptr ? e->span : where->span,
                 .help = fmt::format("add `{}` to `headers:`", header)});
    }
  };
  for (auto [v, end] = boost::vertices(graph_.g); v != end; ++v) {
    const Node& n = graph_.node(*v);
    for (const ir::Port& port : n.ports) check(port.when, n.id);
    for (const ir::Item& item : n.items) check(item.when, n.id);
  }
}

}  // namespace weft::frontend
