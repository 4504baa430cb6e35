#include "compiler/codegen/function_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace weft::codegen {
namespace {

using diag::fail;
using diag::Result;
using ir::Vertex;

class Writer {
 public:
  Writer(const ResidueContext& context, const FunctionSpec& spec) : c_(context), spec_(spec) {}

  Result<std::string> write();

 private:
  const ir::Node& node(Vertex v) const { return c_.graph.node(v); }
  std::vector<Vertex> reading_order() const;
  Result<void> block(Vertex v);
  Result<void> match(Vertex v);
  Result<void> test(Vertex v);
  Result<void> effect(Vertex v);
  Result<void> conjunction(Vertex v);
  Result<void> disjunction(Vertex v);
  Result<void> terminal(Vertex v);
  Result<void> stop(Vertex v);

  Result<std::string> item_test(const ir::Item& item);
  Result<std::string> type(const std::string& impl, const diag::Span& span);
  std::string label(Vertex v) const { return identifier(node(v).id); }
  std::string fails_label(Vertex v) const;
  std::string take(Vertex v, unsigned port);
  std::string go(Vertex v, unsigned port, Vertex to);
  std::string impossible();
  const char* hint(Vertex v, unsigned port) const;
  void branch(const std::string& test, const char* hint, const std::string& way,
              const std::string& remark);

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += "    " + fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  const ResidueContext& c_;
  const FunctionSpec& spec_;
  std::string text_;
  bool impossible_used_ = false;
};

bool sends(const ir::Node& node) {
  return node.kind == ir::NodeKind::wire || node.kind == ir::NodeKind::endpoint;
}

// Names of ports in C++ are those of the stack node's `enum class Out`.
std::string out(const std::string& type, std::string_view port) {
  return type + "::Out::" + identifier(port);
}

std::string Writer::impossible() {
  impossible_used_ = true;
  return "goto impossible;";
}

std::string Writer::go(Vertex v, unsigned port, Vertex to) {
  const auto edge = c_.edges.index(v, port);
  if (!edge || c_.edges.edges[*edge].hot) return "goto " + label(to) + ";";
  return fmt::format("{{ ++core.edges[{}]; goto {}; }}", *edge, label(to));
}

std::string Writer::take(Vertex v, unsigned port) {
  const auto to = c_.graph.next(v, port);
  return to ? go(v, port, *to) : impossible();
}

const char* Writer::hint(Vertex v, unsigned port) const {
  const auto edge = c_.edges.index(v, port);
  return edge && c_.edges.edges[*edge].hot ? " [[likely]]" : "";
}

void Writer::branch(const std::string& test, const char* hint, const std::string& way,
                    const std::string& remark) {
  if (test.size() + way.size() + remark.size() < 75) {
    line("if ({}){} {}  // {}", test, hint, way, remark);
  } else {
    line("if ({}){}  // {}", test, hint, remark);
    line("  {}", way);
  }
}

std::string Writer::fails_label(Vertex v) const {
  std::string name = label(v) + "_fails";
  while (c_.graph.find(name)) name += "_";
  return name;
}

Result<std::string> Writer::type(const std::string& impl, const diag::Span& span) {
  auto entry = stack_node(impl, span);
  if (!entry) return fail(entry.error());
  c_.includes.insert(std::string((*entry)->header));
  return std::string((*entry)->type);
}

// --- kinds of nodes ---------------------------------------------------------------------------

Result<void> Writer::match(Vertex v) {
  const auto& ports = node(v).ports;
  std::optional<unsigned> otherwise;
  for (unsigned port = 0; port < ports.size(); ++port) {
    if (!ports[port].when) {
      otherwise = port;
      continue;
    }
    // A port that leads nowhere must still be told from "otherwise".
    auto when = c_.expressions.compile(ports[port].when);
    if (!when) return fail(when.error());
    branch(*when, hint(v, port), take(v, port), ports[port].name);
  }
  line("{}", otherwise ? take(v, *otherwise) : impossible());
  return {};
}

Result<void> Writer::test(Vertex v) {
  auto name = type(node(v).impl, node(v).span);
  if (!name) return fail(name.error());
  const auto yes = c_.graph.port(v, "yes"), no = c_.graph.port(v, "no");
  line("if ({}::run(p, core)) [[likely]] {}", *name, yes ? take(v, *yes) : impossible());
  line("{}", no ? take(v, *no) : impossible());
  return {};
}

Result<void> Writer::effect(Vertex v) {
  auto entry = stack_node(node(v).impl, node(v).span);
  if (!entry) return fail(entry.error());
  const auto name = *type(node(v).impl, node(v).span);
  const auto ports = nodes::split((*entry)->decl->ports);

  // An answer in the packet's own buffer leaves by the first port and goes on from the spawn's
  // target (CONTRACT: nodes that reuse the buffer).
  std::optional<Vertex> answer;
  if ((*entry)->decl->reuses_buffer) {
    for (const auto& [slot, to] : c_.graph.spawns(v)) {
      if (ir::carries_buffer(slot)) answer = to;
    }
  }
  const auto way = [&](unsigned declared) {
    const auto port =
        ports.size() == 1 ? std::optional<unsigned>(0) : c_.graph.port(v, ports[declared]);
    if (!port) return impossible();
    return declared == 0 && answer ? go(v, *port, *answer) : take(v, *port);
  };

  if (ports.size() == 1) {
    line("{}::run(p, core);", name);
    line("{}", way(0));
    return {};
  }
  if (ports.size() == 2) {
    const auto port = c_.graph.port(v, ports[0]);
    branch(name + "::run(p, core) == " + out(name, ports[0]), port ? hint(v, *port) : "", way(0),
           std::string(ports[0]));
    line("{}  // {}", way(1), ports[1]);
    return {};
  }
  line("switch ({}::run(p, core)) {{", name);
  for (unsigned declared = 0; declared < ports.size(); ++declared) {
    const auto port = c_.graph.port(v, ports[declared]);
    const char* likely = port && *hint(v, *port) != 0 ? "[[likely]] " : "";
    if (declared + 1 < ports.size()) {
      line("  {}case {}: {}", likely, out(name, ports[declared]), way(declared));
    } else {
      line("  {}default: {}  // {}", likely, way(declared), ports[declared]);
    }
  }
  line("}}");
  return {};
}

Result<std::string> Writer::item_test(const ir::Item& item) {
  std::string text;
  if (item.when) {
    auto when = c_.expressions.compile(item.when);
    if (!when) return when;
    text = "(" + *when + ")";
  }
  if (!item.test.empty()) {
    auto name = type(item.test, item.span);
    if (!name) return name;
    text += (text.empty() ? "" : " || ") + *name + "::run(p, core)";
    if (item.when) text = "(" + text + ")";
  }
  return text.empty() ? std::string("true") : text;
}

// Long conditions over several lines.
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

std::string remark(const ir::Item& item) {
  std::string text = item.id;
  if (item.fate != ir::Fate::software || !item.why.empty()) {
    text += ": " + std::string(ir::to_string(item.fate));
  }
  return item.why.empty() ? text : text + ", " + comment(item.why);
}

// Hot path: field comparisons first, in declared order (a length is checked before what it
// protects), then the tests, which read more. Cold path: the first that fails, as declared.
Result<void> Writer::conjunction(Vertex v) {
  const auto& n = node(v);
  std::vector<std::string> tests;
  for (const auto& item : n.items) {
    auto text = item_test(item);
    if (!text) return fail(text.error());
    tests.push_back(*text);
  }
  const auto yes = c_.graph.port(v, "yes");
  const auto on = take(v, yes.value_or(0));
  if (n.items.empty()) {
    line("{}", on);
    return {};
  }
  bool first = true;
  for (const bool costly : {false, true}) {
    for (std::size_t i = 0; i < tests.size(); ++i) {
      if (costly == n.items[i].test.empty()) continue;
      line("{}{}  // {}", first ? "if (" : "    && ", wrapped(tests[i]), remark(n.items[i]));
      first = false;
    }
  }
  line("    ) [[likely]] {}", on);
  text_ += fmt::format("  {}:  // the first that failed, in declared order\n", fails_label(v));
  line("__attribute__((cold));");
  for (std::size_t i = 0; i < tests.size(); ++i) {
    const auto port = c_.graph.port(v, n.items[i].id);
    const auto way = port ? take(v, *port) : impossible();
    if (i + 1 < tests.size()) {
      branch("!" + tests[i], "", way, n.items[i].id);
    } else {
      line("{}  // {}", way, n.items[i].id);
    }
  }
  return {};
}

Result<void> Writer::disjunction(Vertex v) {
  for (const auto& item : node(v).items) {
    auto text = item_test(item);
    if (!text) return fail(text.error());
    const auto port = c_.graph.port(v, item.id);
    branch(*text, "", port ? take(v, *port) : impossible(), remark(item));
  }
  const auto no = c_.graph.port(v, "no");
  line("{}", take(v, no.value_or(0)));
  return {};
}

Result<void> Writer::terminal(Vertex v) {
  const auto& n = node(v);
  if (n.kind == ir::NodeKind::drop) line("__attribute__((cold));");
  if (n.kind == ir::NodeKind::wire) {
    line("core.transmit(p);");
  } else if (n.kind == ir::NodeKind::endpoint && n.impl == "application") {
    line("core.deliver(p);");
  } else {
    line("core.release(p);");
  }
  line("continue;");
  return {};
}

Result<void> Writer::stop(Vertex v) {
  auto name = type(node(v).impl, node(v).span);
  if (!name) return fail(name.error());
  line("{}::prefetch(p, core);  // cut: the table may miss the cache", *name);
  line("at_{0}.packet[at_{0}.count++] = static_cast<std::uint16_t>(i);", label(v));
  line("continue;");
  return {};
}

Result<void> Writer::block(Vertex v) {
  const auto& n = node(v);
  const bool leads_on = c_.graph.next(v, 0).has_value();
  text_ += "  " + label(v) + ":";
  text_ += fmt::format("  // {}, {}", ir::to_string(n.kind), ir::to_string(n.fate));
  if (!n.why.empty()) text_ += ": " + comment(n.why);
  if (!n.meaning.empty()) text_ += "; " + comment(n.meaning);
  text_ += "\n";
  if (std::find(spec_.stops.begin(), spec_.stops.end(), v) != spec_.stops.end()) return stop(v);
  switch (n.kind) {
    case ir::NodeKind::match: return match(v);
    case ir::NodeKind::test: return test(v);
    case ir::NodeKind::effect: return effect(v);
    case ir::NodeKind::conjunction: return conjunction(v);
    case ir::NodeKind::disjunction: return disjunction(v);
    default: break;
  }
  if (sends(n) && leads_on) {
    line("{}", take(v, 0));
    return {};
  }
  if (n.kind == ir::NodeKind::config || n.kind == ir::NodeKind::queue) {
    return fail({.code = "E0517",
                 .message = "'" + n.id + "' belongs to a card, it can't be run",
                 .span = n.span});
  }
  return terminal(v);
}

// Sources first, each hot port's target right behind its node where that can be; drops at the end.
std::vector<Vertex> Writer::reading_order() const {
  const auto found = reachable(c_.graph, spec_.start, spec_.stops);
  std::set<Vertex> seen;
  std::vector<Vertex> done, drops;
  const std::function<void(Vertex)> visit = [&](Vertex v) {
    if (!found.contains(v) || !seen.insert(v).second) return;
    const bool stops = std::find(spec_.stops.begin(), spec_.stops.end(), v) != spec_.stops.end();
    const auto& edges = c_.edges.of_vertex[v];
    for (auto e = edges.rbegin(); e != edges.rend() && !stops; ++e) visit(c_.edges.edges[*e].to);
    for (const auto& [slot, to] : c_.graph.spawns(v)) {
      if (ir::carries_buffer(slot)) visit(to);
    }
    (node(v).kind == ir::NodeKind::drop ? drops : done).push_back(v);
  };
  visit(spec_.start);
  std::reverse(done.begin(), done.end());
  std::sort(drops.begin(), drops.end());
  done.insert(done.end(), drops.begin(), drops.end());
  return done;
}

Result<std::string> Writer::write() {
  text_ += fmt::format("void {}(Core& core, Packet* packets, {}", spec_.name,
                       spec_.resumes ? "const generated::Waiting& waiting" : "unsigned n");
  for (Vertex v : spec_.stops) text_ += ", generated::Waiting& at_" + label(v);
  text_ += ") {\n";
  if (spec_.resumes) {
    text_ += "  for (unsigned k = 0; k < waiting.count; ++k) {\n";
    line("const unsigned i = waiting.packet[k];");
  } else {
    text_ += "  for (unsigned i = 0; i < n; ++i) {\n";
  }
  line("Packet& p = packets[i];");
  line("goto {};", label(spec_.start));
  text_ += "\n";
  for (Vertex v : reading_order()) {
    if (auto done = block(v); !done) return fail(done.error());
  }
  if (impossible_used_) {
    text_ +=
        "  impossible:  // a port that leads nowhere; the proof says that this never happens\n";
    line("__attribute__((cold));");
    line("++core.edges[{}];", c_.edges.impossible_counter());
    line("core.release(p);");
    line("continue;");
  }
  text_ += "  }\n}\n";
  return text_;
}

}  // namespace

Result<std::string> write_function(const ResidueContext& context, const FunctionSpec& spec) {
  return Writer(context, spec).write();
}

std::set<Vertex> reachable(const ir::Graph& graph, Vertex start, const std::vector<Vertex>& stops) {
  std::set<Vertex> found{start};
  std::vector<Vertex> work{start};
  while (!work.empty()) {
    const Vertex v = work.back();
    work.pop_back();
    if (std::find(stops.begin(), stops.end(), v) != stops.end()) continue;
    const auto add = [&](Vertex to) {
      if (found.insert(to).second) work.push_back(to);
    };
    for (unsigned port = 0; port < graph.node(v).ports.size(); ++port) {
      if (auto to = graph.next(v, port)) add(*to);
    }
    for (const auto& [slot, to] : graph.spawns(v)) {
      if (ir::carries_buffer(slot)) add(to);
    }
  }
  return found;
}

Result<const nodes::Entry*> stack_node(const std::string& name, const diag::Span& span) {
  if (const auto* entry = nodes::find(name)) return entry;
  return fail({.code = "E0518",
               .message = "there is no stack node '" + name + "'",
               .span = span,
               .help = "`weft nodes` lists all stack nodes"});
}

std::string comment(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\\') c = ' ';
  }
  return line;
}

}  // namespace weft::codegen
