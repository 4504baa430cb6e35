#include "compiler/passes/reach.h"

#include <algorithm>
#include <array>
#include <set>

#include "compiler/frontend/readers.h"

namespace weft::passes {

using smt::Outcome;
using smt::Term;

namespace {

// What arrives over one edge.
struct Arrival {
  Term when;
  State state;
};

template <class Map>
void merge_values(smt::Session& session, const std::vector<Arrival>& in, Map State::*member,
                  const std::function<Term(const std::string&)>& fallback, State& out) {
  std::set<std::string> names;
  for (const auto& a : in) {
    for (const auto& [name, term] : a.state.*member) names.insert(name);
  }
  for (const auto& name : names) {
    Term merged;
    for (const auto& a : in) {
      const auto it = (a.state.*member).find(name);
      const Term here = it != (a.state.*member).end() ? it->second : fallback(name);
      merged = !merged || session.same(merged, here) ? here : session.ite(a.when, here, merged);
    }
    (out.*member)[name] = merged;
  }
}

Reached merge(Symbolic& symbolic, const std::vector<Arrival>& in) {
  smt::Session& session = symbolic.session();
  Reached out;
  std::vector<Term> ways;
  for (const auto& a : in) ways.push_back(a.when);
  out.when = session.any_of(ways);
  merge_values(
      session, in, &State::values, [&](const std::string& name) { return symbolic.initial(name); },
      out.state);
  merge_values(
      session, in, &State::versions,
      [&](const std::string& name) { return session.variable("state:" + name, 32); }, out.state);
  return out;
}

// A name for a condition that is only ever asserted, or chooses among values where it is: one
// direction is enough, and where nothing is asked of the name the solver need not look behind it.
Term named(smt::Session& session, const std::string& node, const Term& when,
           std::vector<Term>& meanings) {
  if (session.is_true(when)) return when;
  const Term name = session.fresh("reached " + node);
  meanings.push_back(session.implies(name, when));
  session.add(meanings.back());
  return name;
}

}  // namespace

bool implied(smt::Session& session, const Term& when, const Term& claim, std::string_view query) {
  if (session.is_true(claim)) return true;
  session.push();
  session.add(when);
  session.add(session.negate(claim));
  const bool holds = session.check(query) == Outcome::unsat;
  session.pop();
  return holds;
}

Reach reach(Symbolic& symbolic, const ir::Graph& graph, ir::Vertex start, const State& initial) {
  smt::Session& session = symbolic.session();
  std::map<ir::Vertex, std::vector<Arrival>> arriving;
  arriving[start].push_back({session.truth(true), initial});
  Reach out;
  for (const ir::Vertex v : graph.topological()) {
    const auto in = arriving.find(v);
    if (in == arriving.end()) continue;
    const ir::Node& node = graph.node(v);
    Reached here = merge(symbolic, in->second);
    here.when = named(session, node.id, here.when, out.meanings);
    for (Branch& branch : symbolic.step(node, here.state)) {
      const Term when = session.all_of({here.when, branch.condition});
      LiveBranch live{branch.port, branch.condition, session.is_true(branch.condition)};
      if (!live.live) {
        session.push();
        session.add(when);
        live.live = session.check("can " + node.id + " take this port") != Outcome::unsat;
        session.pop();
      }
      if (live.live) {
        if (const auto next = graph.next(v, branch.port)) {
          branch.after.trace.clear();
          arriving[*next].push_back({when, std::move(branch.after)});
        }
      }
      here.branches.push_back(live);
    }
    out.nodes.emplace(v, std::move(here));
  }
  return out;
}

std::optional<ir::Vertex> receive_entry(const ir::Graph& graph) {
  for (auto [v, end] = vertices(graph.g); v != end; ++v) {
    if (graph.node(*v).kind == ir::NodeKind::wire && out_degree(*v, graph.g) > 0) return *v;
  }
  return std::nullopt;
}

bool made_of_pieces(std::string_view slot) { return slot == "ipv4_reassembled"; }

bool received_elsewhere(std::string_view slot) {
  return made_of_pieces(slot) || slot == "loopback";
}

std::vector<ir::Vertex> begins_at(const ir::Graph& graph, std::string_view slot) {
  std::vector<ir::Vertex> out;
  for (auto [v, end] = vertices(graph.g); v != end; ++v) {
    const auto& slots = graph.node(*v).slots;
    if (std::find(slots.begin(), slots.end(), slot) != slots.end()) out.push_back(*v);
  }
  return out;
}

std::vector<Entry> entries(const ir::Graph& graph) {
  std::vector<Entry> out;
  std::set<std::string> seen;
  const auto note = [&](std::string name, ir::Vertex v) {
    if (seen.insert(name).second) out.push_back({std::move(name), v});
  };
  if (const auto rx = receive_entry(graph)) note("rx", *rx);
  for (auto [v, end] = vertices(graph.g); v != end; ++v) {
    for (const auto& slot : graph.node(*v).slots) note(slot, *v);
  }
  for (auto [v, end] = vertices(graph.g); v != end; ++v) {
    for (const auto& [slot, target] : graph.spawns(*v)) {
      note(slot + "@" + graph.node(target).id, target);
    }
  }
  return out;
}

bool is_of_class_any(std::string_view slot) {
  return received_elsewhere(slot) || slot == "ipv4_expired";
}

std::vector<Term> host_assumptions(Symbolic& symbolic) {
  static constexpr std::array<const char*, 6> texts = {
      "(host.mac & 0x010000000000) == 0", "host.mac != 0",
      "host.address != 255.255.255.255",  "!(host.address in 224.0.0.0/3)",
      "!(host.address in 127.0.0.0/8)",   "host.mtu >= 68"};
  std::vector<Term> out;
  for (const char* text : texts) {
    const auto e = frontend::parse_expr(text, symbolic.fields(), {});
    if (e) out.push_back(symbolic.condition(*e, State{}));
  }
  return out;
}

}  // namespace weft::passes
