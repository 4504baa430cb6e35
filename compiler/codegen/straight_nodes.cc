#include <algorithm>

#include "compiler/codegen/straight_writer.h"
#include "compiler/frontend/readers.h"

namespace weft::codegen {

using diag::fail;
using diag::Result;
using ir::Vertex;

// --- kinds of nodes ---------------------------------------------------------------------------

// What is usual for a stack node (NodeDecl::expects), or null.
Result<ir::ExprPtr> StraightWriter::expected(const std::string& impl, Vertex v) {
  auto entry = stack_node(impl, c_.node(v).span);
  if (!entry) return fail(entry.error());
  if ((*entry)->decl->expects.empty()) return ir::ExprPtr();
  return frontend::parse_expr((*entry)->decl->expects, c_.fields, c_.node(v).span);
}

// What is still to be asked at `v` for each of `terms`, or null. What is the same for the whole
// batch has been asked where it is `held`, and is asked here where it is not, unless it is only
// what is usual. (Beside the way nothing is settled.)
Result<std::vector<ir::ExprPtr>> StraightWriter::still_open(Vertex v,
                                                            const std::vector<ir::ExprPtr>& terms,
                                                            Wanted wanted) {
  if (depth_ != 0) return terms;
  auto open = settled_.still_open(terms);
  for (const auto& term : open.of_batch) {
    auto text = c_.expressions.compile(term);
    if (!text) return fail(text.error());
    if (wanted == Wanted::always)
      line("if (!held && !({})) [[unlikely]] {{ {} }}", *text, leave(v));
    line("generated::given(!held || ({}));", *text);
  }
  return std::move(open.terms);
}

// The same for a condition as a whole; "" where nothing is left of it.
Result<std::string> StraightWriter::question(Vertex v, const ir::ExprPtr& condition,
                                             Wanted wanted) {
  auto open = still_open(v, terms_of(condition), wanted);
  if (!open) return fail(open.error());
  std::erase(*open, nullptr);
  if (open->empty()) return std::string();
  return c_.expressions.compile(ir::all_of(*open));
}

// Ports exclude each other (the verifier has proved it), so the hot one decides by itself.
StraightWriter::Next StraightWriter::match(Vertex v) {
  const auto hot = c_.usual(v);
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
    const auto condition = first ? whole->args.front() : whole;
    auto when = port == hot->first ? question(v, condition, Wanted::always)
                                   : c_.expressions.compile(condition);
    if (!when) return fail(when.error());
    if (when->empty()) continue;
    test += (test.empty() ? "" : " || ") + ("(" + *when + ")");
  }
  if (ports[hot->first].when && !test.empty()) test = "!" + test;
  if (!test.empty()) leave_if(test, v, "not " + ports[hot->first].name);
  return hot->second;
}

StraightWriter::Next StraightWriter::test(Vertex v) {
  const auto hot = c_.usual(v);
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
Result<void> StraightWriter::other_port(Vertex v, const Way& other) {
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

StraightWriter::Next StraightWriter::effect(Vertex v) {
  auto type = type_of(c_, c_.node(v).impl, c_.node(v).span);
  if (!type) return fail(type.error());
  auto ways = ways_of(c_, v);
  if (!ways) return fail(ways.error());
  auto usually = expected(c_.node(v).impl, v);
  if (!usually) return fail(usually.error());
  if (*usually) {
    auto test = question(v, *usually, Wanted::usually);
    if (!test) return fail(test.error());
    if (!test->empty()) leave_if("!(" + *test + ")", v, "not as usual");
  }
  if (depth_ == 0) settled_.passed(v);
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

StraightWriter::Next StraightWriter::disjunction(Vertex v) {
  for (const auto& item : c_.node(v).items) {
    auto text = item_test(c_, item);
    if (!text) return fail(text.error());
    leave_if(*text, v, remark(item));
  }
  const auto to = c_.graph.next(v, c_.graph.port(v, "no").value_or(0));
  if (!to) line("{}", leave(std::nullopt));
  return to;
}

StraightWriter::Next StraightWriter::terminal(Vertex v) {
  const auto& n = c_.node(v);
  if (begins_way(c_, v)) return c_.graph.next(v, 0);
  const bool transmits = n.kind == ir::NodeKind::wire, delivers = !transmits && is_application(n);
  transmits_ |= transmits;
  delivers_ |= delivers;
  line("{}(p);", transmits ? "ends.transmit" : delivers ? "ends.deliver" : "core.release");
  line("continue;");
  return std::nullopt;
}

StraightWriter::Next StraightWriter::node(Vertex v) {
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

}  // namespace weft::codegen
