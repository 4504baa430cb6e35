#include "compiler/frontend/graph_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/expr_parser.h"
#include "compiler/frontend/graph_parts.h"
#include "compiler/frontend/readers.h"
#include "stack-nodes/slots.h"

namespace weft::frontend {
namespace {

using ir::Graph;
using ir::Node;
using ir::NodeKind;
using ir::Vertex;

// An edge whose target may be declared further down.
struct Pending {
  Vertex from = 0;
  unsigned port = 0;
  std::string slot;  // of a spawn edge
  Value target;
};

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

// Where `e` speaks of `name` (as names_in gives it).
const ir::Expr* find_name(const ir::Expr& e, const std::string& name) {
  if (e.op == ir::Op::name && e.name == name) return &e;
  if (e.op == ir::Op::has && "has " + e.name == name) return &e;
  for (const ir::ExprPtr& arg : e.args) {
    if (const ir::Expr* found = find_name(*arg, name)) return found;
  }
  return nullptr;
}

// Reads the nodes of one graph. Use: nodes(), drops(), finish().
class GraphReader {
 public:
  GraphReader(const ir::FieldTable& fields, const GraphOptions& options, Graph& graph)
      : fields_(fields), options_(options), graph_(graph) {}

  void nodes(const Value& at) {
    std::set<std::string> seen;  // a key that is there twice is reported by the YAML reader
    for (const auto& [key, value] : at.members()) {
      if (seen.insert(key.node()->text).second) node(key, value);
    }
  }

  void drops(const Value& at) {
    std::set<std::string> seen;
    for (const auto& [key, value] : at.members()) {
      if (!seen.insert(key.node()->text).second) continue;
      Node drop{.id = key.name(), .kind = NodeKind::drop, .meaning = value.text()};
      drop.span = key.span();
      add(key, std::move(drop));
    }
  }

  // Joins what was read; `at` is where errors of the graph as a whole are recorded.
  void finish(const Value& at) {
    for (const Pending& edge : pending_) connect(edge);
    check_headers(at);
    if (broken_ || at.error_count() != errors_before_) return;
    check_structure(graph_, options_.residue, at);
  }

  void count_errors_from(std::size_t before) { errors_before_ = before; }

 private:
  Vertex add(const Value& key, Node node) {
    if (const auto first = graph_.find(node.id); first && !node.id.empty()) {
      key.report({.code = "E0221",
                  .message = fmt::format("node `{}` is declared twice", node.id),
                  .span = key.span(),
                  .notes = {{.text = "first here", .span = graph_.node(*first).span}}});
    }
    return graph_.add(std::move(node));
  }

  void node(const Value& key, const Value& value) {
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

  void body(Mapping& m, Vertex v, Node& out) {
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

  void read_fate(Mapping& m, ir::Fate& fate, std::string& why) {
    if (const auto x = m.optional("fate")) {
      fate = static_cast<ir::Fate>(
          x->word({"software", "gone", "read", "card", "handover"}, "a fate"));
    }
    if (const auto x = m.optional("why")) why = x->text();
  }

  unsigned read_count(const Value& value) {
    if (value.is_scalar() && value.node()->text == "rx") return options_.rx_queues;
    if (value.is_scalar() && value.node()->text == "tx") return options_.tx_queues;
    return static_cast<unsigned>(value.number(1, 65536));
  }

  std::vector<std::string> slots(const Value& value) {
    std::vector<std::string> out;
    const std::vector<Value> list = value.is_sequence() ? value.list() : std::vector<Value>{value};
    for (const Value& one : list) out.push_back(slot(one));
    return out;
  }

  std::string slot(const Value& value) {
    const std::string word = value.name();
    const std::vector<std::string> known(nodes::slot_names.begin(), nodes::slot_names.end());
    if (word.empty() || std::find(known.begin(), known.end(), word) != known.end()) return word;
    const std::string near = diag::nearest(word, known);
    value.error("E0226", fmt::format("unknown slot `{}`", word),
                near.empty() ? "" : fmt::format("did you mean `{}`?", near),
                fmt::format("slots: {}", fmt::join(known, ", ")));
    return word;
  }

  // Ports are called `yes` and `no` where they answer a question; that is the one place where
  // YAML's booleans are names.
  std::string port_name(const Value& key) {
    const std::string& word = key.node()->text;
    return word == "yes" || word == "no" ? word : key.name();
  }

  void lead(Vertex from, unsigned port, const Value& target) {
    if (options_.residue && target.is_null()) return;
    if (target.present()) pending_.push_back({from, port, "", target});
  }

  // The way out of an and / or (`needed`), or of what may end here. Adds port `name`.
  void read_next(Mapping& m, Vertex v, Node& out, const char* name, bool needed = false) {
    const bool join = is_join(out.kind);
    if (const auto next = m.optional("next")) {
      if (!join) out.ports.push_back({.name = name, .span = next->span()});
      lead(v, 0, *next);
    } else if (needed && !options_.residue) {
      m.required("next");
    }
  }

  void read_ways(Mapping& m, Vertex v, Node& out, bool needed) {
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

  void read_test_ports(Mapping& m, Vertex v, Node& out) {
    Mapping ports(m.required("ports"), fmt::format("the ports of test `{}`", out.id));
    for (const char* name : {"yes", "no"}) {
      const auto target =
          options_.residue ? ports.optional(name) : std::optional<Value>(ports.required(name));
      out.ports.push_back({.name = name, .span = target ? target->span() : out.span});
      if (target) lead(v, static_cast<unsigned>(out.ports.size() - 1), *target);
    }
    ports.done();
  }

  void read_match(Mapping& m, Vertex v, Node& out) {
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

  void read_join(Mapping& m, Vertex v, Node& out) {
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

  void read_item(const Value& entry, Vertex v, Node& out) {
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

  void read_spawns(Mapping& m, Vertex v) {
    const auto spawn = m.optional("spawn");
    if (!spawn) return;
    for (const auto& [key, target] : spawn->members()) {
      const std::string name = slot(key);
      if (!name.empty()) pending_.push_back({v, 0, name, target});
    }
  }

  void connect(const Pending& edge) {
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
      edge.target.error("E0220",
                        fmt::format("{} leads to `{}`, and there is no such node", who, to),
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

  // A predicate names only headers that the graph says it knows.
  void check_headers(const Value& at) {
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

  const ir::FieldTable& fields_;
  const GraphOptions& options_;
  Graph& graph_;
  std::vector<Pending> pending_;
  std::size_t errors_before_ = 0;
  bool broken_ = false;
};

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
