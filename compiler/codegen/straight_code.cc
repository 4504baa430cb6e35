#include "compiler/codegen/straight_code.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/frontend/readers.h"

namespace weft::codegen {
namespace {

using diag::fail;
using diag::Result;
using ir::Vertex;

const nodes::NodeDecl* declaration(const ir::Node& node) {
  if (node.kind != ir::NodeKind::effect) return nullptr;
  const auto* entry = nodes::find(node.impl);
  return entry == nullptr ? nullptr : entry->decl;
}

// The port that most packets take, and where it leads; none at the end of a way.
std::optional<std::pair<unsigned, Vertex>> usual(const ResidueContext& c, Vertex v) {
  for (unsigned e : c.edges.of_vertex[v]) {
    const auto& edge = c.edges.edges[e];
    if (edge.hot) return std::pair(edge.port, edge.to);
  }
  return std::nullopt;
}

void names_in(const ir::Expr& expr, std::set<std::string>& names) {
  if (expr.op == ir::Op::name) names.insert(expr.name);
  for (const auto& arg : expr.args) names_in(*arg, names);
}

class Writer {
 public:
  Writer(ResidueContext& context, const StraightSpec& spec) : c_(context), spec_(spec) {}

  Result<std::string> write();

 private:
  // Writes `v`; the node behind it, or none at an end.
  using Next = Result<std::optional<Vertex>>;
  Next node(Vertex v);
  Next match(Vertex v);
  Next test(Vertex v);
  Next effect(Vertex v);
  Next conjunction(Vertex v);
  Next disjunction(Vertex v);
  Next terminal(Vertex v);
  Result<void> way(std::optional<Vertex> v);
  Result<void> other_port(Vertex v, const Way& other);
  Result<void> begin_stage(Vertex v);
  Result<ir::ExprPtr> expected(const std::string& impl, Vertex v);

  // "if (test): leaves, and goes on at v in the general function".
  void leave_if(const std::string& test, Vertex v, const std::string& remark);
  // Statements that end this packet's part in the loop.
  std::string leave(std::optional<Vertex> at) { return leave(at, copy()); }
  std::string leave(std::optional<Vertex> at, const std::string& packet);
  std::string copy() const;
  bool keeps() const;
  std::string leave_by(Vertex v, const Way& other);

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += std::string(4 + depth_ * 2, ' ');
    text_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  ResidueContext& c_;
  const StraightSpec& spec_;
  std::string text_, waiting_;
  std::vector<Vertex> stages_;  // cuts that are still to come
  std::size_t depth_ = 0;
  bool again_ = keeps();
  bool delivers_ = false, transmits_ = false;  // what the way so far ends in
};

// A copy of the packet. Up to the first cut, its source is at hand.
std::string Writer::copy() const {
  return again_ ? fmt::format("generated::again(copy_of(p), {})", spec_.source) : "copy_of(p)";
}

// Whether no node behind the start writes what the source has as well.
bool Writer::keeps() const {
  for (Vertex v : reachable(c_.graph, spec_.start)) {
    const auto* decl = declaration(c_.node(v));
    if (decl == nullptr) continue;
    for (const auto& written : nodes::split(decl->writes)) {
      if (std::find(spec_.kept.begin(), spec_.kept.end(), written) != spec_.kept.end())
        return false;
    }
  }
  return true;
}

std::string Writer::leave(std::optional<Vertex> at, const std::string& packet) {
  if (at) {
    c_.entered.insert(*at);
  } else {
    c_.nowhere = true;
  }
  const auto name = at ? c_.label(*at) : "nowhere";
  // In front of a cut all packets of the batch wait, so that they stay in their order.
  if (!stages_.empty() && depth_ == 0) {
    return fmt::format("waiting_{}.put({}, At::{}); continue;", c_.label(stages_.front()), packet,
                       name);
  }
  return fmt::format("go_on(ends.away(), {}, At::{}); ends.back(); continue;", packet, name);
}

void Writer::leave_if(const std::string& test, Vertex v, const std::string& remark) {
  const auto statements = leave(v);
  if (test.size() + statements.size() + remark.size() < 60) {
    line("if ({}) [[unlikely]] {{ {} }}  // {}", test, statements, remark);
  } else {
    line("if ({}) [[unlikely]] {{  // {}", test, remark);
    line("  {}", statements);
    line("}}");
  }
}

std::string Writer::leave_by(Vertex v, const Way& other) {
  return (other.to ? c_.counted(v, *other.port) : "") + leave(other.to);
}

// --- kinds of nodes ---------------------------------------------------------------------------

// What is usual for a stack node (NodeDecl::expects), or null.
Result<ir::ExprPtr> Writer::expected(const std::string& impl, Vertex v) {
  auto entry = stack_node(impl, c_.node(v).span);
  if (!entry) return fail(entry.error());
  if ((*entry)->decl->expects.empty()) return ir::ExprPtr();
  return frontend::parse_expr((*entry)->decl->expects, c_.fields, c_.node(v).span);
}

// Ports exclude each other (the verifier has proved it), so the hot one decides by itself.
Writer::Next Writer::match(Vertex v) {
  const auto hot = usual(c_, v);
  if (!hot) {
    line("{}", leave(v));
    return std::nullopt;
  }
  const auto& ports = c_.node(v).ports;
  std::string test;
  for (unsigned port = 0; port < ports.size(); ++port) {
    if (!ports[port].when || (ports[hot->first].when && port != hot->first)) continue;
    // Of several ways to hold, the first is the usual one.
    const auto& whole = ports[port].when;
    const bool first =
        port == hot->first && whole->op == ir::Op::logical_or && !whole->args.empty();
    auto when = c_.expressions.compile(first ? whole->args.front() : whole);
    if (!when) return fail(when.error());
    test += (test.empty() ? "" : " || ") + ("(" + *when + ")");
  }
  if (ports[hot->first].when) test = "!" + test;
  if (!test.empty()) leave_if(test, v, "not " + ports[hot->first].name);
  return hot->second;
}

Writer::Next Writer::test(Vertex v) {
  const auto hot = usual(c_, v);
  auto type = type_of(c_, c_.node(v).impl, c_.node(v).span);
  if (!type) return fail(type.error());
  if (!hot) {
    line("{}", leave(v));
    return std::nullopt;
  }
  const bool yes = c_.node(v).ports[hot->first].name == "yes";
  leave_if((yes ? "!" : "") + *type + "::run(p, core)", v, yes ? "no" : "yes");
  return hot->second;
}

// Both ways of a table are usual: an entry that is there, and one that is not.
Result<void> Writer::other_port(Vertex v, const Way& other) {
  const auto* decl = declaration(c_.node(v));
  const bool both = !decl->table.empty() && other.to && depth_ == 0 &&
                    c_.node(*other.to).kind != ir::NodeKind::drop;
  if (!both) {
    line("  {}", leave_by(v, other));
    return {};
  }
  ++depth_;
  line("{}", c_.counted(v, *other.port));
  auto done = way(other.to);
  --depth_;
  return done;
}

Writer::Next Writer::effect(Vertex v) {
  auto type = type_of(c_, c_.node(v).impl, c_.node(v).span);
  if (!type) return fail(type.error());
  auto ways = ways_of(c_, v);
  if (!ways) return fail(ways.error());
  auto usually = expected(c_.node(v).impl, v);
  if (!usually) return fail(usually.error());
  if (*usually) {
    auto test = c_.expressions.compile(*usually);
    if (!test) return fail(test.error());
    leave_if("!(" + *test + ")", v, "not as usual");
  }
  const auto hot = std::find_if(ways->begin(), ways->end(),
                                [&](const Way& w) { return w.port && c_.hot(v, *w.port); });
  // A port that is not the first cannot be the quick one.
  if (hot == ways->begin() && declaration(c_.node(v))->quick) {
    leave_if("!" + *type + "::quick(p, core)", v, "not at once " + hot->name);
    return hot->to;
  }
  if (ways->size() == 1 || hot == ways->end()) {
    line("{}::run(p, core);", *type);
    if (hot != ways->end()) return hot->to;
    line("{}", leave(std::nullopt));
    return std::nullopt;
  }
  if (ways->size() == 2) {
    const Way& other = hot == ways->begin() ? ways->back() : ways->front();
    line("if ({}::run(p, core) != {}::Out::{}) [[unlikely]] {{  // {}", *type, *type,
         identifier(hot->name), other.name);
    if (auto done = other_port(v, other); !done) return fail(done.error());
    line("}}");
    return hot->to;
  }
  line("switch ({}::run(p, core)) {{", *type);
  line("  [[likely]] case {}::Out::{}: break;", *type, identifier(hot->name));
  for (const Way& w : *ways) {
    if (&w == &*hot) continue;
    line("  case {}::Out::{}: {}", *type, identifier(w.name), leave_by(v, w));
  }
  line("}}");
  return hot->to;
}

// All conditions in the order of asking_order, and what the tests among them expect as soon as the
// same fields are read: what follows is then made for the usual case.
Writer::Next Writer::conjunction(Vertex v) {
  const auto& n = c_.node(v);
  const auto yes = c_.graph.port(v, "yes").value_or(0);
  std::vector<ir::ExprPtr> usually;
  for (const auto& item : n.items) {
    if (item.test.empty()) continue;
    auto usual = expected(item.test, v);
    if (!usual) return fail(usual.error());
    if (*usual) usually.push_back(*usual);
  }
  const char* sign = "if (!(";
  const auto condition = [&](const std::string& text, const std::string& remark) {
    line("{}{}  // {}", sign, wrapped(text), remark);
    sign = "      && ";
  };
  // The last of the comparisons so far waits: what comes next may be one with it.
  ir::ExprPtr last;
  std::string last_remark;
  const auto flush = [&]() -> Result<void> {
    if (!last) return {};
    auto text = c_.expressions.compile(last);
    if (!text) return fail(text.error());
    condition("(" + *text + ")", last_remark);
    last = nullptr;
    return {};
  };
  const auto compare = [&](const ir::ExprPtr& expr, const std::string& remark) -> Result<void> {
    if (last && c_.expressions.as_one(last, expr)) {
      last = ir::all_of({last, expr});
      last_remark += ", " + remark;
      return {};
    }
    if (auto done = flush(); !done) return done;
    last = expr;
    last_remark = remark;
    return {};
  };
  for (std::size_t i : asking_order(n)) {
    // Where a descriptor's word stands in front of a test, the test is for the general function.
    ir::Item item = n.items[i];
    if (item.when) item.test.clear();
    std::set<std::string> read;
    if (item.when) names_in(*item.when, read);
    for (auto usual = usually.begin(); usual != usually.end();) {
      std::set<std::string> wanted;
      names_in(**usual, wanted);
      const bool now =
          !item.when || std::any_of(wanted.begin(), wanted.end(),
                                    [&](const auto& name) { return read.contains(name); });
      if (!now) {
        ++usual;
        continue;
      }
      if (auto done = compare(*usual, "as usual"); !done) return fail(done.error());
      usual = usually.erase(usual);
    }
    if (item.when && item.test.empty()) {
      if (auto done = compare(item.when, remark(n.items[i])); !done) return fail(done.error());
      continue;
    }
    if (auto done = flush(); !done) return fail(done.error());
    auto text = item_test(c_, item);
    if (!text) return fail(text.error());
    condition(*text, remark(n.items[i]));
  }
  if (auto done = flush(); !done) return fail(done.error());
  if (!n.items.empty()) line("      )) [[unlikely]] {{ {} }}", leave(v));
  const auto to = c_.graph.next(v, yes);
  if (!to) line("{}", leave(std::nullopt));
  return to;
}

Writer::Next Writer::disjunction(Vertex v) {
  for (const auto& item : c_.node(v).items) {
    auto text = item_test(c_, item);
    if (!text) return fail(text.error());
    leave_if(*text, v, remark(item));
  }
  const auto to = c_.graph.next(v, c_.graph.port(v, "no").value_or(0));
  if (!to) line("{}", leave(std::nullopt));
  return to;
}

Writer::Next Writer::terminal(Vertex v) {
  const auto& n = c_.node(v);
  if (begins_way(c_, v)) return c_.graph.next(v, 0);
  const bool transmits = n.kind == ir::NodeKind::wire, delivers = !transmits && is_application(n);
  transmits_ |= transmits;
  delivers_ |= delivers;
  line("{}(p);", transmits ? "ends.transmit" : delivers ? "ends.deliver" : "core.release");
  line("continue;");
  return std::nullopt;
}

Writer::Next Writer::node(Vertex v) {
  line("// {}: {}", c_.label(v), heading(c_.node(v)));
  switch (c_.node(v).kind) {
    case ir::NodeKind::match: return match(v);
    case ir::NodeKind::test: return test(v);
    case ir::NodeKind::effect: return effect(v);
    case ir::NodeKind::conjunction: return conjunction(v);
    case ir::NodeKind::disjunction: return disjunction(v);
    default: return terminal(v);
  }
}

// The batch waits here, prefetched for; the rest of the way is a loop of its own.
Result<void> Writer::begin_stage(Vertex v) {
  const auto name = c_.label(v);
  auto type = type_of(c_, c_.node(v).impl, c_.node(v).span);
  if (!type) return fail(type.error());
  line("// cut in front of {}: its table may miss the cache", name);
  line("{}::prefetch(p, core);", *type);
  line("waiting_{}.put({}, At::{});", name, copy(), name);
  c_.entered.insert(v);
  stages_.erase(stages_.begin());
  again_ = false;
  waiting_ += fmt::format("  generated::Waiting<At> waiting_{};\n", name);
  const auto next = stages_.empty()
                        ? "go_on(ends.away(), copy_of(p), at); ends.back()"
                        : fmt::format("waiting_{}.put(copy_of(p), at)", c_.label(stages_.front()));
  text_ += fmt::format(
      "  }}\n"
      "  for (unsigned k = 0; k < waiting_{0}.count; ++k) {{\n"
      "    Packet p = waiting_{0}.packets[k];\n"
      "    const At at = waiting_{0}.at[k];\n"
      "    if (at != At::{0}) [[unlikely]] {{ {1}; continue; }}  // has left the way\n",
      name, next);
  return {};
}

Result<void> Writer::way(std::optional<Vertex> v) {
  while (v) {
    if (depth_ == 0 && !stages_.empty() && stages_.front() == *v) {
      if (auto done = begin_stage(*v); !done) return done;
    }
    auto next = node(*v);
    if (!next) return fail(next.error());
    v = *next;
  }
  return {};
}

Result<std::string> Writer::write() {
  if (spec_.cut) stages_ = cuts(c_, spec_.start);
  const auto make = [this](const char* by) { return fmt::format("{}({})", by, spec_.source); };
  if (spec_.plain.is != nullptr) {
    line("if (!{}) [[unlikely]] {{", make(spec_.plain.is));
    line("  {}", leave(spec_.start, make(spec_.make.c_str())));
    line("}}");
  }
  line("Packet p = {};", make(spec_.plain.is != nullptr ? spec_.plain.make : spec_.make.c_str()));
  if (auto done = way(spec_.start); !done) return fail(done.error());
  return fmt::format(
      "[[gnu::flatten]] void {}(Core& core, {}, unsigned n) {{\n"
      "  generated::Ends<{}, {}> ends(core);\n{}"
      "  for (unsigned i = 0; i < n; ++i) {{\n{}  }}\n  ends.away();\n}}\n\n",
      spec_.name, spec_.arguments, delivers_, transmits_, waiting_, text_);
}

}  // namespace

Result<std::string> write_straight(ResidueContext& c, const StraightSpec& spec) {
  return Writer(c, spec).write();
}

std::vector<Vertex> cuts(const ResidueContext& c, Vertex start) {
  std::vector<Vertex> found;
  for (std::optional<Vertex> v = start; v;) {
    const auto* decl = declaration(c.node(*v));
    if (decl != nullptr && decl->cut) found.push_back(*v);
    const auto hot = usual(c, *v);
    v = hot ? std::optional(hot->second) : std::nullopt;
  }
  return found;
}

}  // namespace weft::codegen
