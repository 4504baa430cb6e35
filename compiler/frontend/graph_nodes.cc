#include "compiler/frontend/graph_nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "stack-nodes/slots.h"

namespace weft::frontend {

using ir::Node;
using ir::NodeKind;
using ir::Vertex;

namespace {

std::vector<std::string> kind_words() {
  std::vector<std::string> out;
  for (int k = 0; k <= static_cast<int>(NodeKind::exception); ++k) {
    out.emplace_back(to_string(static_cast<NodeKind>(k)));
  }
  return out;
}

bool is_join(NodeKind kind) {
  return kind == NodeKind::conjunction || kind == NodeKind::disjunction;
}

}  // namespace

void GraphReader::nodes(const Value& at) {
  std::set<std::string> seen;  // a key that is there twice is reported by the YAML reader
  for (const auto& [key, value] : at.members()) {
    if (seen.insert(key.node()->text).second) node(key, value);
  }
}

void GraphReader::drops(const Value& at) {
  std::set<std::string> seen;
  for (const auto& [key, value] : at.members()) {
    if (!seen.insert(key.node()->text).second) continue;
    Node drop{.id = key.name(), .kind = NodeKind::drop, .meaning = value.text()};
    drop.span = key.span();
    add(key, std::move(drop));
  }
}

Vertex GraphReader::add(const Value& key, Node node) {
  if (const auto first = graph_.find(node.id); first && !node.id.empty()) {
    key.report({.code = "E0221",
                .message = fmt::format("node `{}` is declared twice", node.id),
                .span = key.span(),
                .notes = {{.text = "first here", .span = graph_.node(*first).span}}});
  }
  return graph_.add(std::move(node));
}

void GraphReader::node(const Value& key, const Value& value) {
  Node n{.id = key.name()};
  n.span = key.span();
  Mapping m(value, fmt::format("node `{}`", n.id));
  const Value kind = m.required("kind");
  const std::size_t before = key.error_count();
  n.kind = static_cast<NodeKind>(kind.word(kind_words(), "a kind of node"));
  if (!kind.present() || key.error_count() != before) {
    // Without a kind nobody knows which keys are right.
    broken_ = true;
    if (value.is_mapping() && !kind.present()) {
      value.report({.code = "E0108",
                    .message = fmt::format("node `{}` has no `kind`", n.id),
                    .span = key.span(),
                    .help = fmt::format("one of {}", fmt::join(kind_words(), ", "))});
    }
    add(key, std::move(n));
    return;
  }
  const Vertex v = add(key, std::move(n));
  // The reference stays good: no vertex is added before this node is read.
  Node& out = graph_.node(v);
  body(m, v, out);
  if (const auto x = m.optional("slot")) out.slots = slots(*x);
  if (const auto x = m.optional("cluster")) out.cluster = x->text();
  if (const auto x = m.optional("meaning")) out.meaning = x->text();
  if (const auto x = m.optional("source")) out.source = x->text();
  if (options_.residue) read_fate(m, out.fate, out.why);
  m.done();
}

void GraphReader::body(Mapping& m, Vertex v, Node& out) {
  switch (out.kind) {
    case NodeKind::match: read_match(m, v, out); break;
    case NodeKind::test:
      out.impl = m.required("impl").dotted();
      read_test_ports(m, v, out);
      break;
    case NodeKind::conjunction:
    case NodeKind::disjunction: read_join(m, v, out); break;
    case NodeKind::effect:
      out.impl = m.required("impl").dotted();
      read_ways(m, v, out, true);
      read_spawns(m, v);
      break;
    case NodeKind::config:
      out.config = read_config(m, fields_);
      read_ways(m, v, out, false);
      break;
    case NodeKind::queue:
      if (const auto count = m.optional("count")) out.count = read_count(*count);
      read_next(m, v, out, "out");
      break;
    case NodeKind::endpoint:
      if (const auto impl = m.optional("impl")) out.impl = impl->dotted();
      read_next(m, v, out, "out");
      break;
    case NodeKind::drop:
      if (const auto reason = m.optional("reason")) out.reason = reason->name();
      if (const auto counter = m.optional("counter")) out.counter = counter->text();
      break;
    case NodeKind::exception:
      if (const auto impl = m.optional("impl")) out.impl = impl->dotted();
      break;
    case NodeKind::wire: read_next(m, v, out, "out"); break;
  }
}

void GraphReader::read_fate(Mapping& m, ir::Fate& fate, std::string& why) {
  if (const auto x = m.optional("fate")) {
    fate =
        static_cast<ir::Fate>(x->word({"software", "gone", "read", "card", "handover"}, "a fate"));
  }
  if (const auto x = m.optional("why")) why = x->text();
}

unsigned GraphReader::read_count(const Value& value) {
  if (value.is_scalar() && value.node()->text == "rx") return options_.rx_queues;
  if (value.is_scalar() && value.node()->text == "tx") return options_.tx_queues;
  return static_cast<unsigned>(value.number(1, 65536));
}

std::vector<std::string> GraphReader::slots(const Value& value) {
  std::vector<std::string> out;
  const std::vector<Value> list = value.is_sequence() ? value.list() : std::vector<Value>{value};
  for (const Value& one : list) out.push_back(slot(one));
  return out;
}

std::string GraphReader::slot(const Value& value) {
  const std::string word = value.name();
  const std::vector<std::string> known(nodes::slot_names.begin(), nodes::slot_names.end());
  if (word.empty() || std::find(known.begin(), known.end(), word) != known.end()) return word;
  const std::string near = diag::nearest(word, known);
  value.error("E0226", fmt::format("unknown slot `{}`", word),
              near.empty() ? "" : fmt::format("did you mean `{}`?", near),
              fmt::format("slots: {}", fmt::join(known, ", ")));
  return word;
}

std::string GraphReader::port_name(const Value& key) {
  const std::string& word = key.node()->text;
  return word == "yes" || word == "no" ? word : key.name();
}

void GraphReader::lead(Vertex from, unsigned port, const Value& target) {
  if (options_.residue && target.is_null()) return;
  if (target.present()) pending_.push_back({from, port, "", target});
}

void GraphReader::read_next(Mapping& m, Vertex v, Node& out, const char* name, bool needed) {
  const bool join = is_join(out.kind);
  if (const auto next = m.optional("next")) {
    if (!join) out.ports.push_back({.name = name, .span = next->span()});
    lead(v, 0, *next);
  } else if (needed && !options_.residue) {
    m.required("next");
  }
}

void GraphReader::read_ways(Mapping& m, Vertex v, Node& out, bool needed) {
  const auto ports = m.optional("ports");
  if (ports && m.has("next")) {
    ports->error("E0224", fmt::format("node `{}` has both `next` and `ports`", out.id), "",
                 "`next: x` is short for `ports: {out: x}`");
  }
  if (ports) {
    for (const auto& [key, target] : ports->members()) {
      out.ports.push_back({.name = port_name(key), .span = key.span()});
      lead(v, static_cast<unsigned>(out.ports.size() - 1), target);
    }
    m.optional("next");
    if (out.ports.empty() && ports->is_mapping()) {
      ports->error("E0224", fmt::format("node `{}` has no port", out.id));
    }
    return;
  }
  if (needed && !options_.residue && !m.has("next")) {
    m.optional("next");
    m.value().report({.code = "E0224",
                      .message = fmt::format("node `{}` leads nowhere", out.id),
                      .span = out.span,
                      .help = "add `next: NODE`, or `ports: {PORT: NODE, ...}`"});
    return;
  }
  read_next(m, v, out, "out");
}

void GraphReader::read_spawns(Mapping& m, Vertex v) {
  const auto spawn = m.optional("spawn");
  if (!spawn) return;
  for (const auto& [key, target] : spawn->members()) {
    const std::string name = slot(key);
    if (!name.empty()) pending_.push_back({v, 0, name, target});
  }
}

}  // namespace weft::frontend
