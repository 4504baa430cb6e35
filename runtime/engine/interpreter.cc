#include "runtime/engine/interpreter.h"

#include <fmt/format.h>

#include "stack-nodes/core.h"
#include "stack-nodes/registry.h"

namespace weft::engine {
namespace {

diag::Error refuse(const ir::Node& node, const std::string& why) {
  return diag::Diagnostic{.code = "E0621",
                          .message = fmt::format("node `{}`: {}", node.id, why),
                          .span = node.span,
                          .help = "the plan was made by another version of weft; compile it again"};
}

}  // namespace

diag::Result<std::unique_ptr<Interpreter>> Interpreter::make(const ir::Graph& graph,
                                                             const ir::FieldTable& fields,
                                                             const Core& core) {
  const auto edges = ir::EdgeTable::of(graph);
  if (edges.order.empty() && boost::num_vertices(graph.g) != 0)
    return diag::fail(refuse(graph.node(0), "the residue goes round in a circle"));
  auto made = std::make_unique<Interpreter>();
  for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    auto step = made->step(graph, v, edges, fields, core);
    if (!step) return diag::fail(step.error());
    made->steps_.push_back(std::move(*step));
  }
  for (const auto& entry : edges.entries)
    made->entries_.push_back(entry ? static_cast<std::uint32_t>(*entry) : nowhere);
  made->first_entry_ = edges.first_entry;
  made->impossible_ = edges.impossible_counter();
  return made;
}

diag::Result<Interpreter::Step> Interpreter::step(const ir::Graph& graph, ir::Vertex v,
                                                  const ir::EdgeTable& edges,
                                                  const ir::FieldTable& fields, const Core& core) {
  const ir::Node& node = graph.node(v);
  Step made;
  for (unsigned port = 0; port < node.ports.size(); ++port) {
    Exit exit;
    if (const auto to = graph.next(v, port)) exit.next = static_cast<std::uint32_t>(*to);
    if (edges.counted(v, port)) exit.counter = *edges.index(v, port);
    made.exits.push_back(exit);
  }
  diag::Result<void> done;
  const bool leads_on = !edges.of_vertex[v].empty();
  switch (node.kind) {
    case ir::NodeKind::match:
      made.kind = Kind::match;
      for (unsigned port = 0; port < node.ports.size(); ++port) {
        auto when = Predicate::compile(node.ports[port].when, fields, core);
        if (!when) return diag::fail(when.error());
        made.cases.push_back({true, std::move(*when), nullptr, port});
      }
      break;
    case ir::NodeKind::conjunction:
    case ir::NodeKind::disjunction:
      made.kind = node.kind == ir::NodeKind::conjunction ? Kind::all : Kind::any;
      done = items(made, graph, v, fields, core);
      break;
    case ir::NodeKind::test:
    case ir::NodeKind::effect:
      made.kind = node.kind == ir::NodeKind::test ? Kind::test : Kind::effect;
      done = body(made, graph, v);
      break;
    case ir::NodeKind::wire: made.kind = leads_on ? Kind::pass : Kind::transmit; break;
    case ir::NodeKind::endpoint:
      made.kind = leads_on                     ? Kind::pass
                  : node.impl == "application" ? Kind::deliver
                                               : Kind::release;
      break;
    case ir::NodeKind::drop: made.kind = Kind::release; break;
    case ir::NodeKind::config:
    case ir::NodeKind::queue:
    case ir::NodeKind::exception:
      done = diag::fail(
          refuse(node, fmt::format("a {} node cannot be run on a core", ir::to_string(node.kind))));
  }
  if (!done) return diag::fail(done.error());
  return made;
}

diag::Result<void> Interpreter::items(Step& made, const ir::Graph& graph, ir::Vertex v,
                                      const ir::FieldTable& fields, const Core& core) {
  const ir::Node& node = graph.node(v);
  for (const ir::Item& item : node.items) {
    Case one;
    const auto port = graph.port(v, item.id);
    if (!port) return diag::fail(refuse(node, fmt::format("item `{}` has no port", item.id)));
    one.port = *port;
    if (item.when) {
      auto when = Predicate::compile(item.when, fields, core);
      if (!when) return diag::fail(when.error());
      one.has_when = true;
      one.when = std::move(*when);
    }
    if (!item.test.empty()) {
      const nodes::Entry* entry = nodes::find(item.test);
      if (entry == nullptr || entry->decl->kind != nodes::Kind::test)
        return diag::fail(refuse(node, fmt::format("there is no test `{}`", item.test)));
      one.test = entry->run;
    }
    made.cases.push_back(std::move(one));
  }
  return {};
}

diag::Result<void> Interpreter::body(Step& made, const ir::Graph& graph, ir::Vertex v) {
  const ir::Node& node = graph.node(v);
  const nodes::Entry* entry = nodes::find(node.impl);
  if (entry == nullptr)
    return diag::fail(refuse(node, fmt::format("there is no stack node `{}`", node.impl)));
  made.body = entry->run;
  const auto names = nodes::split(entry->decl->ports);
  for (const std::string& name : names) {
    auto port = graph.port(v, name);
    // A node with one port may call it by `next:` alone.
    if (!port && names.size() == 1 && node.ports.size() == 1) port = 0;
    made.ports.push_back(port ? *port : nowhere);
  }
  if (entry->decl->reuses_buffer) {
    for (const auto& [slot, to] : graph.spawns(v)) {
      if (ir::carries_buffer(slot)) made.carried = static_cast<std::uint32_t>(to);
    }
  }
  return {};
}

std::uint32_t Interpreter::port_of(const Step& step, Packet& p, Core& core) const {
  switch (step.kind) {
    case Kind::match:
      for (const Case& one : step.cases) {
        if (one.when.holds(p, core)) return one.port;
      }
      return nowhere;
    case Kind::all:
      for (const Case& one : step.cases) {
        if (one.has_when && one.when.holds(p, core)) continue;
        // run() of a test gives 0 for yes, the index of its port.
        if (one.test != nullptr && one.test(p, core) == 0) continue;
        return one.port;
      }
      return 0;
    case Kind::any:
      for (const Case& one : step.cases) {
        if (one.has_when && one.when.holds(p, core)) return one.port;
        if (one.test != nullptr && one.test(p, core) == 0) return one.port;
      }
      return 0;
    case Kind::test:
    case Kind::effect: {
      const unsigned taken = step.body(p, core);
      return taken < step.ports.size() ? step.ports[taken] : nowhere;
    }
    default: return 0;
  }
}

void Interpreter::walk(Core& core, Packet& p, std::uint32_t at) const {
  for (;;) {
    const Step& step = steps_[at];
    if (step.kind >= Kind::release) {
      if (trace) trace(at, ~0u, p);
      switch (step.kind) {
        case Kind::deliver: core.deliver(p); break;
        case Kind::transmit: core.transmit(p); break;
        default: core.release(p); break;
      }
      return;
    }
    const std::uint32_t port = port_of(step, p, core);
    if (trace) trace(at, port, p);
    if (port >= step.exits.size() || step.exits[port].next == nowhere) {
      ++core.edges[impossible_];
      core.release(p);
      return;
    }
    const Exit& exit = step.exits[port];
    if (exit.counter != nowhere) ++core.edges[exit.counter];
    at = port == 0 && step.carried != nowhere ? step.carried : exit.next;
  }
}

void Interpreter::run(Core& core, Packet* packets, unsigned n, unsigned entry) {
  const std::uint32_t begin = entry < entries_.size() ? entries_[entry] : nowhere;
  if (begin == nowhere) {
    core.edges[impossible_] += n;
    for (unsigned i = 0; i < n; ++i) core.release(packets[i]);
    return;
  }
  core.edges[first_entry_ + entry] += n;
  for (unsigned i = 0; i < n; ++i) walk(core, packets[i], begin);
}

}  // namespace weft::engine
