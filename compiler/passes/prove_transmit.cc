#include <set>

#include "compiler/passes/descriptor_terms.h"
#include "compiler/passes/difference.h"
#include "compiler/passes/prove_entries.h"
#include "compiler/passes/reach.h"

namespace weft::passes {

namespace {

std::string slot_of(const Entry& entry) { return entry.name.substr(0, entry.name.find('@')); }

// Answers go on behind their spawner's edge, which is compared by the name of where it leads.
std::vector<ir::Vertex> answered_at(const ProofWorld& world, const ir::Graph& residue,
                                    const Entry& entry) {
  const auto v = residue.find(world.in.graph.node(entry.vertex).id);
  return v ? std::vector{*v} : std::vector<ir::Vertex>{};
}

std::vector<ir::Vertex> spawned(const ir::Graph& graph, const std::string& slot) {
  std::vector<ir::Vertex> out;
  for (auto [v, end] = vertices(graph.g); v != end; ++v) {
    for (const auto& [name, to] : graph.spawns(*v)) {
      if (name == slot) out.push_back(to);
    }
  }
  return out;
}

// Packets that begin at `begin` of the protocol graph, and in the residue at `start`.
std::optional<Counterexample> from(ProofWorld& world, ir::Vertex begin, const ir::Graph& residue,
                                   ir::Vertex start, const Origin& origin) {
  smt::Session& session = world.session;
  const Leaves wanted = leaves_of(world.symbolic, world.in.graph, begin, world.fresh(false));
  Leaves actual = world.shards.leaves(world.symbolic, residue, start, world.fresh(false));
  session.push();
  session.add(session.less(session.variable("queue", 16),
                           session.number(world.plan.configuration.rx_queues, 16)));
  std::optional<Difference> found;
  for (Leaf& leaf : actual.leaves) {
    if (leaf.kind == ir::NodeKind::wire)
      leaf.state = card_transmit(world.symbolic, world.in.nic, world.plan, leaf.state);
    if (!found) found = difference(world, leaf, wanted, origin);
  }
  session.pop();
  if (!found) return std::nullopt;
  return std::move(found->packet);
}

// Every place where the residue begins with what this entry of the protocol graph begins with.
std::optional<Counterexample> from_entry(ProofWorld& world, const plan::Residue& residue,
                                         const Entry& entry,
                                         std::set<std::pair<ir::Vertex, ir::Vertex>>& done) {
  const std::string slot = slot_of(entry);
  const bool answer = slot == "reply" || slot == "icmp_error";
  const bool elsewhere = is_of_class_any(slot) && residue.queue_class != "any";
  auto starts = answer ? answered_at(world, residue.graph, entry) : begins_at(residue.graph, slot);
  // (Unless it starts it all the same, somewhere.)
  if (starts.empty() && elsewhere) starts = spawned(residue.graph, slot);
  if (starts.empty() && (answer || elsewhere)) return std::nullopt;  // nobody there starts it
  if (starts.empty()) return no_entry(residue, slot);
  for (const ir::Vertex v : starts) {
    if (!done.emplace(entry.vertex, v).second) continue;
    if (auto found = from(world, entry.vertex, residue.graph, v, {.entry = slot})) return found;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Counterexample> prove_transmit(ProofWorld& world) {
  for (const auto& residue : world.plan.residues) {
    std::set<std::pair<ir::Vertex, ir::Vertex>> done;
    for (const Entry& entry : entries(world.in.graph)) {
      if (entry.name == "rx") continue;
      if (auto found = from_entry(world, residue, entry, done)) return found;
    }
  }
  return std::nullopt;
}

std::optional<Counterexample> prove_reassembled(ProofWorld& world, const Suspect& suspect) {
  for (const Entry& entry : entries(world.in.graph)) {
    const std::string slot = slot_of(entry);
    if (!made_of_pieces(slot)) continue;
    const Origin origin{.entry = slot, .suspect = &suspect};
    for (const auto& residue : world.plan.residues) {
      if (residue.queue_class != "any") continue;
      for (const ir::Vertex v : begins_at(residue.graph, slot)) {
        if (auto found = from(world, entry.vertex, residue.graph, v, origin)) return found;
      }
    }
  }
  return std::nullopt;
}

}  // namespace weft::passes
