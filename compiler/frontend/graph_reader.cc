#include "compiler/frontend/graph_reader.h"

#include <fmt/format.h>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/graph_nodes.h"
#include "compiler/frontend/readers.h"

namespace weft::frontend {
namespace {

using ir::Graph;

// A whole graph: the file of a protocol graph, or what print_graph prints.
Graph read_whole(const Value& at, const ir::FieldTable& given, GraphOptions options) {
  const std::size_t before = at.error_count();
  Graph graph;
  graph.span = at.span();
  Mapping m(at, "the graph");
  const Value name = m.required("graph");
  if (const auto residue = m.optional("residue")) {
    options.residue = residue->flag() || options.residue;
  }
  graph.name = options.residue ? name.text() : name.name();
  if (name.present()) graph.span = name.span();
  if (const auto title = m.optional("title")) graph.title = title->text();
  if (const auto headers = m.optional("headers")) {
    for (const Value& header : headers->list()) {
      graph.headers.push_back(header.name());
      if (given.header(graph.headers.back()) != nullptr || graph.headers.back().empty()) continue;
      std::vector<std::string> names;
      for (const auto& [known, unused] : given.headers) names.push_back(known);
      const std::string near = diag::nearest(graph.headers.back(), names);
      header.error("E0207", fmt::format("unknown header `{}`", graph.headers.back()),
                   near.empty() ? "" : fmt::format("did you mean `{}`?", near),
                   fmt::format("headers: {}", fmt::join(names, ", ")));
    }
  }
  const Value nodes = m.required("nodes");
  const auto drops = m.optional("drops");
  m.done();
  ir::FieldTable fields = given;
  add_knobs(nodes, fields);
  GraphReader reader(fields, options, graph);
  reader.count_errors_from(before);
  reader.nodes(nodes);
  if (drops) reader.drops(*drops);
  reader.finish(at);
  return graph;
}

}  // namespace

void add_knobs(const Value& nodes, ir::FieldTable& fields) {
  if (!nodes.is_mapping()) return;
  const auto scalar = [](const YamlNode& mapping, std::string_view key) -> const YamlNode* {
    for (std::size_t i = 0; i + 1 < mapping.children.size(); i += 2) {
      if (mapping.children[i].text == key) return &mapping.children[i + 1];
    }
    return nullptr;
  };
  for (std::size_t i = 1; i < nodes.node()->children.size(); i += 2) {
    const YamlNode& node = nodes.node()->children[i];
    if (node.kind != YamlKind::mapping) continue;
    const YamlNode* knob = scalar(node, "knob");
    if (knob == nullptr || knob->kind != YamlKind::scalar) continue;
    const std::string name = "knob." + knob->text;
    fields.fields.emplace(name,
                          ir::Field{.name = name, .width = 1, .meaning = "a knob of the card"});
  }
}

void read_nodes(const Value& at, const ir::FieldTable& fields, const GraphOptions& options,
                Graph& into) {
  GraphReader reader(fields, options, into);
  reader.count_errors_from(at.error_count());
  into.span = at.span();
  reader.nodes(at);
  reader.finish(at);
}

diag::Result<Graph> graph_from_node(const Value& at, const ir::FieldTable& fields,
                                    const GraphOptions& options) {
  if (!at.present()) return diag::fail({.code = "E0108", .message = "there is no graph"});
  std::vector<diag::Diagnostic>& errors = at.source()->errors;
  const std::size_t before = errors.size();
  Graph graph = read_whole(at, fields, options);
  if (errors.size() != before) {
    diag::Error found;
    found.list.assign(errors.begin() + static_cast<std::ptrdiff_t>(before), errors.end());
    errors.resize(before);
    return diag::fail(std::move(found));
  }
  graph.digest = diag::sha256_hex(print_graph(graph));
  return graph;
}

diag::Result<Graph> graph_from_text(std::string_view text, const std::string& name,
                                    const ir::FieldTable& fields) {
  auto document = parse_yaml(std::string(text), name);
  if (!document) return diag::fail(document.error());
  Graph graph = read_whole(document->root(), fields, {});
  graph.digest = diag::sha256_hex(document->text());
  return document->finish(std::move(graph));
}

diag::Result<Graph> read_graph(const std::string& path, const ir::FieldTable& fields) {
  auto text = read_file(path);
  if (!text) return diag::fail(text.error());
  return graph_from_text(*text, path, fields);
}

}  // namespace weft::frontend
