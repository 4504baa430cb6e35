#include "compiler/codegen/general_code.h"

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
  explicit Writer(ResidueContext& context) : c_(context) {}

  Result<std::string> write();

 private:
  const ir::Node& node(Vertex v) const { return c_.node(v); }
  std::vector<Vertex> reading_order() const;
  Result<void> block(Vertex v);
  Result<void> match(Vertex v);
  Result<void> test(Vertex v);
  Result<void> effect(Vertex v);
  Result<void> conjunction(Vertex v);
  Result<void> disjunction(Vertex v);
  void terminal(Vertex v);

  std::string fails_label(Vertex v) const;
  std::string go(Vertex v, unsigned port, Vertex to) const;
  std::string take(Vertex v, unsigned port);
  std::string impossible();
  const char* hint(Vertex v, unsigned port) const { return c_.hot(v, port) ? " [[likely]]" : ""; }
  void branch(const std::string& test, const char* hint, const std::string& way,
              const std::string& remark);

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += "  " + fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  ResidueContext& c_;
  std::string text_;
};

std::string Writer::impossible() {
  c_.nowhere = true;
  return "goto impossible;";
}

std::string Writer::go(Vertex v, unsigned port, Vertex to) const {
  const auto counted = c_.counted(v, port);
  const auto jump = "goto " + c_.label(to) + ";";
  return counted.empty() ? jump : "{ " + counted + jump + " }";
}

std::string Writer::take(Vertex v, unsigned port) {
  const auto to = c_.graph.next(v, port);
  return to ? go(v, port, *to) : impossible();
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
  std::string name = c_.label(v) + "_fails";
  while (c_.graph.find(name)) name += "_";
  return name;
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
  auto name = type_of(c_, node(v).impl, node(v).span);
  if (!name) return fail(name.error());
  const auto yes = c_.graph.port(v, "yes"), no = c_.graph.port(v, "no");
  line("if ({}::run(p, core)) [[likely]] {}", *name, yes ? take(v, *yes) : impossible());
  line("{}", no ? take(v, *no) : impossible());
  return {};
}

Result<void> Writer::effect(Vertex v) {
  auto type = type_of(c_, node(v).impl, node(v).span);
  if (!type) return fail(type.error());
  auto ways = ways_of(c_, v);
  if (!ways) return fail(ways.error());
  const auto way = [&](const Way& w) { return w.to ? go(v, *w.port, *w.to) : impossible(); };

  if (ways->size() == 1) {
    line("{}::run(p, core);", *type);
    line("{}", way(ways->front()));
    return {};
  }
  line("switch ({}::run(p, core)) {{", *type);
  for (const Way& w : *ways) {
    const char* likely = w.port && c_.hot(v, *w.port) ? "[[likely]] " : "";
    if (&w != &ways->back()) {
      line("  {}case {}::Out::{}: {}", likely, *type, identifier(w.name), way(w));
    } else {
      line("  {}default: {}  // {}", likely, way(w), w.name);
    }
  }
  line("}}");
  return {};
}

// Hot path: in the order of asking_order. Cold path: the first that fails, as declared.
Result<void> Writer::conjunction(Vertex v) {
  const auto& n = node(v);
  const auto on = take(v, c_.graph.port(v, "yes").value_or(0));
  if (n.items.empty()) {
    line("{}", on);
    return {};
  }
  std::vector<std::string> tests;
  for (const auto& item : n.items) {
    auto text = item_test(c_, item);
    if (!text) return fail(text.error());
    tests.push_back(*text);
  }
  const char* sign = "if (";
  for (std::size_t i : asking_order(n)) {
    line("{}{}  // {}", sign, wrapped(tests[i]), remark(n.items[i]));
    sign = "    && ";
  }
  line("    ) [[likely]] {}", on);
  text_ += fmt::format("{}:  // the first that failed, in declared order\n", fails_label(v));
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
    auto text = item_test(c_, item);
    if (!text) return fail(text.error());
    const auto port = c_.graph.port(v, item.id);
    branch(*text, "", port ? take(v, *port) : impossible(), remark(item));
  }
  line("{}", take(v, c_.graph.port(v, "no").value_or(0)));
  return {};
}

void Writer::terminal(Vertex v) {
  const auto& n = node(v);
  if (n.kind == ir::NodeKind::drop) line("__attribute__((cold));");
  if (n.kind == ir::NodeKind::wire) {
    line("return core.transmit(p);");
  } else if (is_application(n)) {
    line("return core.deliver(p);");
  } else {
    line("return core.release(p);");
  }
}

Result<void> Writer::block(Vertex v) {
  const auto& n = node(v);
  text_ += fmt::format("{}:  // {}\n", c_.label(v), heading(n));
  switch (n.kind) {
    case ir::NodeKind::match: return match(v);
    case ir::NodeKind::test: return test(v);
    case ir::NodeKind::effect: return effect(v);
    case ir::NodeKind::conjunction: return conjunction(v);
    case ir::NodeKind::disjunction: return disjunction(v);
    case ir::NodeKind::config:
    case ir::NodeKind::queue:
      return fail({.code = "E0517",
                   .message = "'" + n.id + "' belongs to a card, it can't be run",
                   .span = n.span});
    default: break;
  }
  if (begins_way(c_, v)) {
    line("{}", take(v, 0));
  } else {
    terminal(v);
  }
  return {};
}

// Sources first, each hot port's target right behind its node where that can be; drops at the end.
std::vector<Vertex> Writer::reading_order() const {
  std::set<Vertex> seen;
  std::vector<Vertex> done, drops;
  const std::function<void(Vertex)> visit = [&](Vertex v) {
    if (!seen.insert(v).second) return;
    const auto& edges = c_.edges.of_vertex[v];
    for (auto e = edges.rbegin(); e != edges.rend(); ++e) visit(c_.edges.edges[*e].to);
    for (const auto& [slot, to] : c_.graph.spawns(v)) {
      if (ir::carries_buffer(slot)) visit(to);
    }
    (node(v).kind == ir::NodeKind::drop ? drops : done).push_back(v);
  };
  for (auto v = c_.edges.order.rbegin(); v != c_.edges.order.rend(); ++v) {
    if (c_.entered.contains(*v)) visit(*v);
  }
  std::reverse(done.begin(), done.end());
  std::sort(drops.begin(), drops.end());
  done.insert(done.end(), drops.begin(), drops.end());
  return done;
}

Result<std::string> Writer::write() {
  for (Vertex v : reading_order()) {
    if (auto done = block(v); !done) return fail(done.error());
  }
  if (c_.nowhere) {
    text_ += "impossible:  // a port that leads nowhere; the proof says that this never happens\n";
    line("__attribute__((cold));");
    line("++core.edges[{}];", c_.edges.impossible_counter());
    line("core.release(p);");
  }
  std::string names, jumps;
  for (Vertex v : c_.edges.order) {
    if (!c_.entered.contains(v)) continue;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", c_.label(v));
    jumps += fmt::format("    case At::{0}: goto {0};\n", c_.label(v));
  }
  if (c_.nowhere) {
    names += names.empty() ? "nowhere" : ", nowhere";
    jumps += "    case At::nowhere: goto impossible;\n";
  }
  return fmt::format(
      "// Every node, for packets that leave the straight ways below or enter elsewhere.\n"
      "enum class At : std::uint16_t {{ {} }};\n\n"
      "[[gnu::noinline]] void go_on(Core& core, Packet p, At at) {{\n"
      "  switch (at) {{\n{}  }}\n{}}}\n\n",
      names, jumps, text_);
}

}  // namespace

Result<std::string> write_general(ResidueContext& c) { return Writer(c).write(); }

}  // namespace weft::codegen
