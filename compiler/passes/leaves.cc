#include "compiler/passes/leaves.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/passes/handover.h"
#include "compiler/passes/resolve.h"

namespace weft::passes {

using smt::Term;

namespace {

// Whether it matters on which core a packet reaches the node, whether or not it can be handed over.
bool is_owned(const nodes::NodeDecl& decl) {
  return !decl.handover.empty() || (decl.state == nodes::State::owned && !decl.key.empty());
}

class Walk {
 public:
  Walk(Symbolic& symbolic, const ir::Graph& graph, const Elsewhere& elsewhere)
      : symbolic_(symbolic), graph_(&graph), elsewhere_(elsewhere) {}

  Leaves run(ir::Vertex start, const State& initial) {
    visit(start, initial);
    return std::move(out_);
  }

 private:
  void visit(ir::Vertex v, const State& state) {
    const ir::Node& node = graph_->node(v);
    path_.push_back(node.id);
    std::vector<Term> about_before = about_;
    const auto* decl = decl_of(node);
    if (decl != nullptr && is_owned(*decl))
      out_.arrivals[node.id].push_back({symbolic_.session().all_of(conditions_), state});
    if (decl != nullptr && !decl->handover.empty()) {
      const nodes::NodeDecl& handover = *decl_of(std::string(decl->handover));
      if (handover.owner == "udp_flows" && !is_behind(*decl))
        about_ = symbolic_.terms(handover.key, state);
    }
    if (out_degree(v, graph_->g) == 0 && ir::is_terminal(node.kind, false)) {
      leaf(node.id, node, state, false);
    } else {
      const std::size_t before = conditions_.size();
      for (const Branch& branch : symbolic_.step(node, state)) {
        take(v, node, branch);
        if (node.kind == ir::NodeKind::match) pass_by(node, branch);
      }
      if (node.kind == ir::NodeKind::match) fall_out(node, state);
      conditions_.resize(before);
    }
    about_ = std::move(about_before);
    path_.pop_back();
  }

  // A match is run in order: the first port that holds is taken, and where none does the packet has
  // nowhere to go. In a graph that was verified neither matters; a plan may come from anywhere.
  void pass_by(const ir::Node& node, const Branch& branch) {
    if (node.ports[branch.port].when)
      conditions_.push_back(symbolic_.session().negate(branch.condition));
  }
  void fall_out(const ir::Node& node, const State& state) {
    const bool otherwise = std::any_of(node.ports.begin(), node.ports.end(),
                                       [](const ir::Port& port) { return !port.when; });
    if (!otherwise) leaf(fmt::format("nowhere at {}", node.id), node, state, false);
  }

  void take(ir::Vertex v, const ir::Node& node, const Branch& branch) {
    if (symbolic_.session().is_false(branch.condition)) return;
    conditions_.push_back(branch.condition);
    const auto next = graph_->next(v, branch.port);
    const auto* decl = decl_of(node);
    const std::string port = branch.port < node.ports.size() ? node.ports[branch.port].name : "";
    if (!next) {
      leaf(fmt::format("nowhere at {}", node.id), node, branch.after, false);
    } else if (decl != nullptr && decl->reuses_buffer && branch.port == 0) {
      answer(v, node, *next, branch.after);
    } else if (decl != nullptr && !decl->spawns.empty() && !decl->owner.empty() && port == "away") {
      away(v, node, *next, branch.after);
    } else if (decl != nullptr && !decl->owner.empty() && port == "full" &&
               graph_->node(*next).kind == ir::NodeKind::drop) {
      leaf(graph_->node(*next).id, graph_->node(*next), branch.after, false);
      out_.leaves.back().lost = true;
    } else {
      visit(*next, branch.after);
    }
    conditions_.pop_back();
  }

  // The packet goes on where its state is; what follows here must only count it.
  void away(ir::Vertex v, const ir::Node& node, ir::Vertex counted, const State& state) {
    const ir::Node& end = graph_->node(counted);
    const bool counts = end.kind == ir::NodeKind::endpoint && end.impl.empty() &&
                        out_degree(counted, graph_->g) == 0;
    const auto spawns = graph_->spawns(v);
    const auto there = spawns.empty() ? elsewhere_.end() : elsewhere_.find(spawns.front().first);
    if (!counts) return leaf(fmt::format("{} though handed over", end.id), node, state, false);
    if (there == elsewhere_.end())
      return leaf(fmt::format("nowhere at {}", node.id), node, state, false);
    if (handed_over_) return leaf(fmt::format("again away at {}", node.id), node, state, false);
    handed_over_ = true;
    const ir::Graph* here = graph_;
    for (const auto& [graph, entry] : there->second) {
      graph_ = graph;
      visit(entry, state);
    }
    graph_ = here;
    handed_over_ = false;
  }

  // The packet turns into its answer; the terminal of port 0 only counts it.
  void answer(ir::Vertex v, const ir::Node& node, ir::Vertex counted, State state) {
    state.trace.push_back({"ends at " + graph_->node(counted).id, {}});
    const auto spawns = graph_->spawns(v);
    const std::string end =
        spawns.empty()
            ? fmt::format("nowhere at {}", node.id)
            : fmt::format("{} as {}", graph_->node(spawns.front().second).id, spawns.front().first);
    leaf(end, node, state, true);
  }

  void leaf(std::string end, const ir::Node& node, const State& state, bool spawn) {
    Leaf out;
    out.end = std::move(end);
    out.kind = node.kind;
    out.application = node.kind == ir::NodeKind::endpoint && node.impl == "application";
    out.spawn = spawn;
    out.when = symbolic_.session().all_of(conditions_);
    out.state = state;
    out.path = path_;
    out.about = about_;
    out_.leaves.push_back(std::move(out));
  }

  Symbolic& symbolic_;
  const ir::Graph* graph_;  // the one that the packet is in
  const Elsewhere& elsewhere_;
  bool handed_over_ = false;
  std::vector<Term> conditions_;
  std::vector<std::string> path_;
  std::vector<Term> about_;
  Leaves out_;
};

}  // namespace

Leaves leaves_of(Symbolic& symbolic, const ir::Graph& graph, ir::Vertex start, const State& initial,
                 const Elsewhere& elsewhere) {
  return Walk(symbolic, graph, elsewhere).run(start, initial);
}

std::vector<std::string> observables(const Leaf& a, const Leaf& b, const ir::FieldTable& fields) {
  if (a.application) {
    return {"meta.endpoint",  "meta.connected", "ipv4.src",   "ipv4.dst",     "udp.src_port",
            "udp.dst_port",   "udp.length",     "l4.payload", "l4.room",      "meta.icmp_type",
            "meta.icmp_code", "meta.mtu",       "meta.dst",   "meta.dst_port"};
  }
  std::vector<std::string> out;
  if (a.kind != ir::NodeKind::wire && !a.spawn) return out;  // the packet is gone
  std::set<std::string> written;
  for (const Leaf* leaf : {&a, &b}) {
    for (const auto& [name, term] : leaf->state.values) written.insert(name);
  }
  for (const auto& name : written) {
    if (name.starts_with("desc.")) continue;
    const ir::Field* field = fields.find(name);
    const bool on_wire = field != nullptr && (field->layer != ir::Layer::none ||
                                              name == "l4.payload" || name == "pkt.len");
    if (on_wire || a.spawn) out.push_back(name);
  }
  return out;
}

std::optional<Term> alike(Symbolic& symbolic, const Leaf& a, const Leaf& b) {
  if (a.end != b.end || a.state.trace.size() != b.state.trace.size()) return std::nullopt;
  smt::Session& session = symbolic.session();
  std::vector<Term> equal;
  for (std::size_t i = 0; i < a.state.trace.size(); ++i) {
    const Event& x = a.state.trace[i];
    const Event& y = b.state.trace[i];
    if (x.what != y.what || x.args.size() != y.args.size()) return std::nullopt;
    for (std::size_t k = 0; k < x.args.size(); ++k)
      equal.push_back(session.equal(x.args[k], y.args[k]));
  }
  for (const auto& name : observables(a, b, symbolic.fields())) {
    equal.push_back(session.equal(symbolic.value(a.state, name), symbolic.value(b.state, name)));
  }
  return session.all_of(equal);
}

}  // namespace weft::passes
