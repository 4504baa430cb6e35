// Pass "verify": a graph by itself, before any card or workload.
// Pre: resolved. Post: match ports are exclusive and exhaustive, every port can be taken, no header
// is read before its bytes are known to be there, and preconditions hold where nodes stand.
#include <fmt/format.h>

#include <mutex>
#include <set>
#include <string>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/readers.h"
#include "compiler/passes/pipeline.h"
#include "compiler/passes/reach.h"
#include "compiler/passes/resolve.h"

namespace weft::passes {

namespace {

using diag::Diagnostic;
using smt::Outcome;
using smt::Term;

class GraphVerifier {
 public:
  GraphVerifier(const ir::Graph& graph, const ir::FieldTable& fields)
      : graph_(graph), symbolic_(session_, fields) {
    for (const Term& t : host_assumptions(symbolic_)) session_.add(t);
  }

  diag::Result<void> matches() {
    for (auto [v, end] = vertices(graph_.g); v != end; ++v) {
      if (graph_.node(*v).kind != ir::NodeKind::match) continue;
      if (auto ok = check_match(graph_.node(*v)); !ok) return ok;
    }
    return {};
  }

  diag::Result<void> run() {
    if (auto ok = matches(); !ok) return ok;
    const auto rx = receive_entry(graph_);
    if (!rx) return {};
    const Reach reached = reach(symbolic_, graph_, *rx, State{});
    for (const auto& [v, here] : reached.nodes) {
      if (auto ok = check_node(graph_.node(v), here); !ok) return ok;
    }
    return {};
  }

 private:
  // The values of the model, for the names in `e`: "eth.type = 0x800, pkt.len = 14".
  std::string witness(const std::vector<ir::ExprPtr>& about) {
    std::string out;
    std::vector<std::string> seen;
    for (const auto& e : about) {
      for (const auto& name : ir::names_in(e)) {
        if (name.starts_with("has ") || std::find(seen.begin(), seen.end(), name) != seen.end())
          continue;
        seen.push_back(name);
        out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", name,
                           ir::format_bits(session_.value(symbolic_.initial(name))));
      }
    }
    return out;
  }

  diag::Result<void> check_match(const ir::Node& node) {
    std::vector<Term> conditions;
    std::vector<ir::ExprPtr> exprs;
    bool otherwise = false;
    for (const auto& port : node.ports) {
      if (!port.when) {
        otherwise = true;
        continue;
      }
      exprs.push_back(port.when);
      conditions.push_back(symbolic_.condition(port.when, State{}));
    }
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      for (std::size_t j = i + 1; j < conditions.size(); ++j) {
        session_.push();
        session_.add(conditions[i]);
        session_.add(conditions[j]);
        const bool overlap = session_.check("exclusive " + node.id) != Outcome::unsat;
        const std::string who = overlap ? witness({exprs[i], exprs[j]}) : "";
        session_.pop();
        if (overlap) {
          return diag::fail(
              Diagnostic{"E0401",
                         fmt::format("ports `{}` and `{}` of `{}` overlap", port_of(node, exprs[i]),
                                     port_of(node, exprs[j]), node.id),
                         node.span,
                         fmt::format("both hold for {}", who),
                         {},
                         "make the predicates exclusive, or use `otherwise: true` for the rest"});
        }
      }
    }
    if (otherwise) return {};
    session_.push();
    for (const Term& c : conditions) session_.add(session_.negate(c));
    const bool gap = session_.check("exhaustive " + node.id) != Outcome::unsat;
    const std::string who = gap ? witness(exprs) : "";
    session_.pop();
    if (!gap) return {};
    return diag::fail(Diagnostic{"E0402",
                                 fmt::format("no port of `{}` takes some packets", node.id),
                                 node.span,
                                 fmt::format("none holds for {}", who),
                                 {},
                                 "add a port with `otherwise: true`"});
  }

  static std::string port_of(const ir::Node& node, const ir::ExprPtr& e) {
    for (const auto& port : node.ports) {
      if (port.when == e) return port.name;
    }
    return "";
  }

  diag::Result<void> check_node(const ir::Node& node, const Reached& here) {
    if (node.kind == ir::NodeKind::match) {
      for (const auto& port : node.ports) {
        if (!port.when) continue;
        if (auto ok = check_reads(node, ir::names_in(port.when), here.when, here.state, port.span);
            !ok)
          return ok;
      }
    }
    // An item is asked only where those before it hold (fail, in an `or`).
    Term before = here.when;
    for (const auto& item : node.items) {
      if (item.when) {
        if (auto ok = check_reads(node, ir::names_in(item.when), before, here.state, item.span);
            !ok)
          return ok;
      }
      if (!item.test.empty()) {
        if (auto ok = check_decl(*decl_of(item.test), before, here.state, item.span); !ok)
          return ok;
      }
      const Term holds = symbolic_.item(item, here.state);
      before = session_.all_of(
          {before, node.kind == ir::NodeKind::conjunction ? holds : session_.negate(holds)});
    }
    if (const auto* decl = decl_of(node)) {
      if (auto ok = check_decl(*decl, here.when, here.state, node.span); !ok) return ok;
    }
    for (const auto& branch : here.branches) {
      if (branch.live) continue;
      const std::string name = branch.port < node.ports.size() ? node.ports[branch.port].name : "?";
      return diag::fail(
          Diagnostic{"E0403",
                     fmt::format("no packet ever takes port `{}` of `{}`", name, node.id),
                     node.span,
                     "",
                     {},
                     "remove the port, or mend what leads here"});
    }
    return {};
  }

  diag::Result<void> check_decl(const nodes::NodeDecl& decl, const Term& when, const State& state,
                                const diag::Span& span) {
    // A body looks after its own reads; what it counts on is its precondition.
    const auto needs = frontend::parse_expr(decl.requires_, symbolic_.fields(), span);
    if (!needs) return diag::fail(needs.error());
    if (implied(session_, when, symbolic_.condition(*needs, state), "precondition")) return {};
    return diag::fail(
        Diagnostic{"E0405",
                   fmt::format("`{}` stands where its precondition may not hold", decl.name),
                   span,
                   fmt::format("it needs {}", decl.requires_),
                   {},
                   "put the check before it"});
  }

  // Every byte that is read must be known to be inside the frame. What the graph itself wrote is.
  diag::Result<void> check_reads(const ir::Node& node, const std::vector<std::string>& names,
                                 const Term& when, const State& state, const diag::Span& span) {
    unsigned need[4] = {0, 0, 0, 0};  // bytes by layer
    std::string worst[4];
    for (const auto& name : names) {
      const ir::Field* field = symbolic_.fields().find(name);
      if (field == nullptr || field->layer == ir::Layer::none || state.values.contains(name))
        continue;
      const auto layer = static_cast<std::size_t>(field->layer);
      const unsigned bytes = (field->offset + field->width + 7) / 8;
      if (bytes > need[layer]) {
        need[layer] = bytes;
        worst[layer] = name;
      }
    }
    static constexpr const char* room[4] = {"", "pkt.len", "l3.room", "l4.room"};
    for (std::size_t layer = 1; layer < 4; ++layer) {
      if (need[layer] == 0) continue;
      const Term have = symbolic_.value(state, room[layer]);
      const Term enough = session_.less_equal(session_.number(need[layer], 16), have);
      if (implied(session_, when, enough, "length before read")) continue;
      return diag::fail(Diagnostic{
          "E0404",
          fmt::format("`{}` reads `{}` where the frame may be too short", node.id, worst[layer]),
          span,
          fmt::format("nothing before it ensures {} >= {}", room[layer], need[layer]),
          {},
          "check the length first: in an `and` node, an earlier item"});
    }
    return {};
  }

  const ir::Graph& graph_;
  smt::Session session_;
  Symbolic symbolic_;
};

// What held once holds for the same text again: whoever compiles often need not ask Z3 each time.
template <class Check>
diag::Result<void> once(const char* what, const ir::Graph& graph, const ir::FieldTable& fields,
                        Check check) {
  static std::mutex lock;
  static std::set<std::string> held;
  const std::string name =
      diag::sha256_hex(fmt::format("{} {} {}", what, fields.digest, frontend::print_graph(graph)));
  {
    const std::lock_guard guard(lock);
    if (held.contains(name)) return {};
  }
  auto ok = check();
  const std::lock_guard guard(lock);
  if (ok) held.insert(name);
  return ok;
}

}  // namespace

diag::Result<void> verify_graph(const ir::Graph& graph, const ir::FieldTable& fields) {
  if (auto ok = resolve(graph, fields, false); !ok) return ok;
  return once("graph", graph, fields, [&] { return GraphVerifier(graph, fields).run(); });
}

diag::Result<void> verify_nic(const ir::NicModel& nic, const ir::FieldTable& fields) {
  const auto known = [](const std::string& impl, const ir::Node& node) -> diag::Result<void> {
    if (decl_of(impl) != nullptr) return {};
    return diag::fail(Diagnostic{"E0301",
                                 fmt::format("there is no stack node `{}`", impl),
                                 node.span,
                                 "",
                                 {},
                                 "`weft nodes` lists the stack nodes"});
  };
  for (const ir::Graph* graph : {&nic.receive, &nic.transmit}) {
    for (auto [v, end] = vertices(graph->g); v != end; ++v) {
      const ir::Node& node = graph->node(*v);
      std::vector<std::string> impls;
      if (node.config.report) {
        for (const ir::Claim& claim : node.config.report->claims) impls.push_back(claim.fact);
      }
      if (node.config.performs) {
        impls.push_back(node.config.performs->effect);
        impls.push_back(node.config.performs->request);
      }
      for (const auto& impl : impls) {
        if (auto ok = known(impl, node); !ok) return ok;
      }
    }
    const auto matches = [&] { return GraphVerifier(*graph, fields).matches(); };
    if (auto ok = once("card", *graph, fields, matches); !ok) return ok;
  }
  return {};
}

}  // namespace weft::passes
