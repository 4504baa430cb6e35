#include "compiler/passes/resolve.h"

#include <fmt/format.h>

#include <algorithm>

#include "stack-nodes/registry.h"
#include "stack-nodes/slots.h"

namespace weft::passes {

namespace {

using diag::Diagnostic;

diag::Result<const nodes::NodeDecl*> find(const std::string& impl, nodes::Kind kind,
                                          const diag::Span& span) {
  const nodes::Entry* entry = nodes::find(impl);
  if (entry == nullptr) {
    std::vector<std::string> names;
    for (const auto& e : nodes::all()) names.emplace_back(e.decl->name);
    const std::string near = diag::nearest(impl, names);
    return diag::fail(Diagnostic{"E0301",
                                 fmt::format("there is no stack node `{}`", impl),
                                 span,
                                 near.empty() ? "" : fmt::format("did you mean `{}`?", near),
                                 {},
                                 "`weft nodes` lists the stack nodes"});
  }
  if (entry->decl->kind != kind) {
    return diag::fail(
        Diagnostic{"E0302",
                   fmt::format("`{}` is {}, not {}", impl,
                               entry->decl->kind == nodes::Kind::test ? "a test" : "an effect",
                               kind == nodes::Kind::test ? "a test" : "an effect"),
                   span,
                   "",
                   {},
                   "a test stands in an item's `test:`, an effect in a node's `impl:`"});
  }
  return entry->decl;
}

diag::Result<void> check_ports(const ir::Node& node, const nodes::NodeDecl& decl, bool partial) {
  const auto declared = nodes::split(decl.ports);
  for (const auto& port : node.ports) {
    if (std::find(declared.begin(), declared.end(), port.name) == declared.end()) {
      return diag::fail(Diagnostic{"E0303",
                                   fmt::format("`{}` has no port `{}`", decl.name, port.name),
                                   port.span.line != 0 ? port.span : node.span,
                                   "",
                                   {},
                                   fmt::format("its ports are: {}", decl.ports)});
    }
  }
  if (!partial && node.ports.size() != declared.size()) {
    return diag::fail(Diagnostic{
        "E0304",
        fmt::format("node `{}` does not say where all ports of `{}` lead", node.id, decl.name),
        node.span,
        "",
        {},
        fmt::format("its ports are: {}", decl.ports)});
  }
  return {};
}

// `partial`: a residue may leave a slot to the residue of other queues.
diag::Result<void> check_spawns(const ir::Graph& graph, ir::Vertex v, const nodes::NodeDecl& decl,
                                bool partial) {
  const auto declared = nodes::split(decl.spawns);
  const auto used = graph.spawns(v);
  for (const auto& [slot, target] : used) {
    if (std::find(declared.begin(), declared.end(), slot) == declared.end()) {
      return diag::fail(Diagnostic{"E0305",
                                   fmt::format("`{}` never fills slot `{}`", decl.name, slot),
                                   graph.node(v).span,
                                   "",
                                   {},
                                   decl.spawns.empty()
                                       ? "it starts no packets"
                                       : fmt::format("its slots are: {}", decl.spawns)});
    }
  }
  for (const auto& slot : declared) {
    const bool bound =
        std::any_of(used.begin(), used.end(), [&](const auto& s) { return s.first == slot; });
    if (!bound && !partial) {
      return diag::fail(
          Diagnostic{"E0306",
                     fmt::format("node `{}` does not say where packets of slot `{}` go",
                                 graph.node(v).id, slot),
                     graph.node(v).span,
                     "",
                     {},
                     fmt::format("add `spawn: {{{}: NODE}}`", slot)});
    }
  }
  return {};
}

}  // namespace

diag::Result<void> resolve(const ir::Graph& graph, const ir::FieldTable&, bool partial) {
  for (auto [v, end] = vertices(graph.g); v != end; ++v) {
    const ir::Node& node = graph.node(*v);
    for (const auto& item : node.items) {
      if (item.test.empty()) continue;
      auto decl = find(item.test, nodes::Kind::test, item.span);
      if (!decl) return diag::fail(decl.error());
    }
    if (node.kind == ir::NodeKind::test || node.kind == ir::NodeKind::effect) {
      const auto kind = node.kind == ir::NodeKind::test ? nodes::Kind::test : nodes::Kind::effect;
      auto decl = find(node.impl, kind, node.span);
      if (!decl) return diag::fail(decl.error());
      if (auto ok = check_ports(node, **decl, partial); !ok) return ok;
      if (auto ok = check_spawns(graph, *v, **decl, partial); !ok) return ok;
    }
    for (const auto& slot : node.slots) {
      if (std::find(nodes::slot_names.begin(), nodes::slot_names.end(), slot) ==
          nodes::slot_names.end()) {
        return diag::fail(Diagnostic{"E0307",
                                     fmt::format("there is no slot `{}`", slot),
                                     node.span,
                                     "",
                                     {},
                                     "slots are listed in stack-nodes/slots.h"});
      }
    }
  }
  return {};
}

diag::Result<void> takes_protocols(const Inputs& inputs) {
  const auto& endpoints = inputs.workload.endpoints;
  const auto tcp = std::find_if(endpoints.begin(), endpoints.end(),
                                [](const ir::Endpoint& e) { return e.tcp; });
  const auto [first, last] = vertices(inputs.graph.g);
  const bool takes_tcp = std::any_of(
      first, last, [&](ir::Vertex v) { return inputs.graph.node(v).impl == "tcp.receive"; });
  if (tcp != endpoints.end() && !takes_tcp)
    return diag::fail(Diagnostic{
        "E0308",
        fmt::format("endpoint `{}` is TCP's, and graph {} has no node that takes TCP", tcp->name,
                    inputs.graph.name),
        tcp->span,
        "",
        {},
        "take a graph with TCP, host_ipv4: nothing would ever reach the endpoint"});
  if (!inputs.workload.ipv6) return {};
  const auto& headers = inputs.graph.headers;
  if (std::find(headers.begin(), headers.end(), "ipv6") != headers.end()) return {};
  return diag::fail(Diagnostic{
      "E0308",
      fmt::format("flows over IPv6, and graph {} has no node that takes IPv6", inputs.graph.name),
      *inputs.workload.ipv6,
      "",
      {},
      "leave these flows out, or take a graph with IPv6: such packets end in its drop of unknown "
      "EtherTypes"});
}

const nodes::NodeDecl* decl_of(const std::string& impl) {
  const nodes::Entry* entry = nodes::find(impl);
  return entry == nullptr ? nullptr : entry->decl;
}

const nodes::NodeDecl* decl_of(const ir::Node& node) {
  const bool bound = node.kind == ir::NodeKind::test || node.kind == ir::NodeKind::effect;
  return bound ? decl_of(node.impl) : nullptr;
}

std::vector<std::string> expand(std::string_view list, const ir::FieldTable& fields) {
  std::vector<std::string> out;
  for (const auto& name : nodes::split(list)) {
    if (name.ends_with(".*")) {
      const std::string prefix = name.substr(0, name.size() - 1);
      for (const auto& [field, info] : fields.fields) {
        if (field.starts_with(prefix)) out.push_back(field);
      }
    } else {
      out.push_back(name);
    }
  }
  return out;
}

}  // namespace weft::passes
