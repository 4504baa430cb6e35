#include "compiler/tool/explain_node.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "compiler/plan/preview.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

std::set<std::string> known_nodes(const plan::Plan& plan) {
  std::set<std::string> out;
  for (const plan::Residue& residue : plan.residues) {
    for (const plan::Decision& d : residue.decisions) out.insert(d.node);
    for (const auto& [id, v] : residue.graph.index) out.insert(id);
  }
  return out;
}

void edges_of(const ir::Graph& graph, ir::Vertex v, NodeStory::There& out) {
  const ir::Node& node = graph.node(v);
  for (unsigned i = 0; i < node.ports.size(); ++i)
    if (auto to = graph.next(v, i))
      out.to.push_back(fmt::format("{} -> {}", node.ports[i].name, graph.node(*to).id));
  for (const auto& [slot, to] : graph.spawns(v))
    out.to.push_back(fmt::format("spawn {} -> {}", slot, graph.node(to).id));
  for (auto [u, end] = boost::vertices(graph.g); u != end; ++u)
    for (unsigned i = 0; i < graph.node(*u).ports.size(); ++i)
      if (graph.next(*u, i) == v)
        out.from.push_back(graph.node(*u).id + "." + graph.node(*u).ports[i].name);
}

// What of the card has to do with the node: units that report on one of its tests, that perform its
// effect, or that drop for its reason.
void knobs_of(const plan::Plan& plan, const ir::Node& node, const ir::Graph& card,
              std::vector<std::string>& out) {
  std::set<std::string> tests = {node.impl};
  for (const ir::Item& item : node.items) tests.insert(item.test);
  tests.erase("");
  for (auto [v, end] = boost::vertices(card.g); v != end; ++v) {
    const ir::Node& unit = card.node(*v);
    const ir::Config& c = unit.config;
    std::string about;
    for (const std::string& test : tests)
      if (c.report && c.report->about(test) != nullptr) about = "reports " + test;
    if (c.performs && tests.contains(c.performs->effect)) about = "performs " + c.performs->effect;
    if (unit.kind == ir::NodeKind::drop && unit.reason == node.id) about = "drops for this reason";
    if (about.empty()) continue;
    auto knob = plan.configuration.knobs.find(c.knob);
    std::string value = c.knob.empty()                           ? unit.id
                        : knob == plan.configuration.knobs.end() ? c.knob + " (not set)"
                        : knob->second                           ? c.knob + " = on"
                                                                 : c.knob + " = off";
    out.push_back(fmt::format("{}: {}{}{}", value, about,
                              c.in_software ? ", in the driver's software" : "",
                              unit.source.empty() ? "" : fmt::format(" ({})", unit.source)));
  }
}

}  // namespace

diag::Result<NodeStory> explain_node(const plan::Plan& plan, const std::string& name,
                                     const ir::Graph* graph, const ir::NicModel* nic) {
  const std::string node = name.substr(0, name.find('.'));
  const std::string item = node.size() < name.size() ? name.substr(node.size() + 1) : "";
  std::set<std::string> known = known_nodes(plan);
  if (!known.contains(node)) {
    std::vector<std::string> names(known.begin(), known.end()), endpoints;
    for (const ir::Endpoint& e : plan.endpoints)
      if (!e.vacant()) endpoints.push_back(e.name);
    names.insert(names.end(), endpoints.begin(), endpoints.end());
    constexpr std::size_t shown = 8;
    const bool more = endpoints.size() > shown;
    if (more) endpoints.resize(shown);
    const std::string near = diag::nearest(node, names);
    return diag::fail(
        plain("E0460", fmt::format("the plan has no node and no endpoint `{}`", node),
              near.empty() ? fmt::format("endpoints: {}{}; nodes: `weft explain PLAN` names them",
                                         fmt::join(endpoints, ", "), more ? ", ..." : "")
                           : fmt::format("did you mean `{}`?", near)));
  }
  NodeStory out;
  out.node = name;
  std::set<std::string> items;
  for (const plan::Residue& residue : plan.residues) {
    NodeStory::There there{residue.id, residue.queue_class, residue.queues, {}, "", {}, {}};
    for (const plan::Decision& d : residue.decisions) {
      if (d.node != node) continue;
      if (!d.item.empty()) items.insert(d.item);
      if (item.empty() || d.item == item) there.decisions.push_back(d);
    }
    if (auto v = residue.graph.find(node)) {
      const ir::Node& left = residue.graph.node(*v);
      out.kind = ir::to_string(left.kind);
      there.becomes = left.impl;
      edges_of(residue.graph, *v, there);
    }
    out.residues.push_back(std::move(there));
  }
  if (!item.empty() && !items.contains(item)) {
    std::string near = diag::nearest(item, {items.begin(), items.end()});
    return diag::fail(plain("E0460", fmt::format("`{}` has no item `{}`", node, item),
                            near.empty() ? fmt::format("its items: {}", fmt::join(items, ", "))
                                         : fmt::format("did you mean `{}.{}`?", node, near)));
  }
  if (graph == nullptr) return out;
  if (auto v = graph->find(node)) {
    const ir::Node& original = graph->node(*v);
    out.kind = ir::to_string(original.kind);
    out.meaning = original.meaning;
    out.source = original.source;
    for (NodeStory::There& there : out.residues)
      if (there.becomes == original.impl) there.becomes.clear();
    if (nic != nullptr) {
      knobs_of(plan, original, nic->receive, out.knobs);
      knobs_of(plan, original, nic->transmit, out.knobs);
    }
  }
  return out;
}

std::string to_text(const NodeStory& s) {
  std::string out = s.node;
  if (!s.kind.empty()) out += fmt::format("  ({})", s.kind);
  out += "\n";
  if (!s.meaning.empty()) out += fmt::format("  {}\n", s.meaning);
  if (!s.source.empty()) out += fmt::format("  source: {}\n", s.source);
  for (const NodeStory::There& r : s.residues) {
    out += fmt::format("residue {} on {} ({})\n", r.residue, plan::queues_text(r.queues),
                       r.queue_class);
    for (const plan::Decision& d : r.decisions)
      out += fmt::format("  {:<9} {}{}{}\n", ir::to_string(d.fate),
                         d.item.empty() ? "" : fmt::format("item {}", d.item),
                         d.item.empty() || d.why.empty() ? "" : ": ", d.why);
    if (r.decisions.empty()) out += "  made by the compiler for this card\n";
    if (!r.becomes.empty()) out += fmt::format("  becomes   {}\n", r.becomes);
    if (!r.from.empty()) out += fmt::format("  from      {}\n", fmt::join(r.from, ", "));
    for (const std::string& to : r.to) out += fmt::format("  to        {}\n", to);
  }
  if (!s.knobs.empty()) out += "on the card\n";
  for (const std::string& knob : s.knobs) out += fmt::format("  {}\n", knob);
  return out;
}

std::string to_json(const NodeStory& s) {
  nlohmann::ordered_json out{{"format_version", 1},  {"node", s.node},     {"kind", s.kind},
                             {"meaning", s.meaning}, {"source", s.source}, {"card", s.knobs}};
  out["residues"] = nlohmann::ordered_json::array();
  for (const NodeStory::There& r : s.residues) {
    nlohmann::ordered_json row{{"id", r.residue}, {"class", r.queue_class}, {"queues", r.queues}};
    row["decisions"] = nlohmann::ordered_json::array();
    for (const plan::Decision& d : r.decisions)
      row["decisions"].push_back(
          {{"item", d.item}, {"fate", ir::to_string(d.fate)}, {"why", d.why}});
    row["becomes"] = r.becomes;
    row["from"] = r.from;
    row["to"] = r.to;
    out["residues"].push_back(std::move(row));
  }
  return out.dump(2) + "\n";
}

}  // namespace weft::tool
