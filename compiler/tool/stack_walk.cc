#include "compiler/tool/stack_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>

#include "compiler/ir/edges.h"
#include "compiler/plan/owners.h"
#include "compiler/tool/lookups.h"
#include "stack-nodes/core.h"
#include "stack-nodes/registry.h"

namespace weft::tool {
namespace {

constexpr std::size_t headroom = 256;

// Buffers for the few packets that nodes make by themselves; all are freed with it.
class Buffers final : public Services {
 public:
  bool allocate(Packet& p, std::uint32_t room) override {
    held_.push_back(std::make_unique<std::uint8_t[]>(headroom + room));
    p = Packet{};
    p.data = held_.back().get() + headroom;
    p.buffer = held_.back().get();
    return true;
  }
  void free_buffer(void*) override {}
  bool tell_neighbour(std::uint32_t, std::uint64_t, bool) override { return true; }
  bool tell_path(std::uint32_t, std::uint16_t) override { return true; }
  bool hand_over(nodes::Slot slot, unsigned shard, Packet& p) override {
    handed = Handed{ir::entry_of_slot(static_cast<unsigned>(slot)), shard, p};
    return true;
  }

  struct Handed {
    unsigned entry = 0;
    unsigned queue = 0;
    Packet packet;
  };
  std::optional<Handed> handed;  // to another shard, where the walk goes on

 private:
  std::vector<std::unique_ptr<std::uint8_t[]>> held_;
};

std::unique_ptr<Core> core_of(const plan::Plan& plan, unsigned queue, Services& services,
                              const Owners& owners) {
  auto core = std::make_unique<Core>();
  const ir::HostConfig& h = plan.host;
  core->host = {.mac = h.mac,
                .address = h.address,
                .broadcast = h.broadcast(),
                .vlan_id = h.vlan_id,
                .mtu = h.mtu,
                .forwarding = h.forwarding,
                .multicast = h.multicast};
  for (const ir::OwnAddress& own : h.addresses()) {
    core->addresses.add(own.address, own.prefix_length);
    core->routes.add(own.address, own.prefix_length, 0);
  }
  core->services = &services;
  core->owners = &owners;
  core->id = queue;
  core->now_ns = 1'000'000'000;
  for (const plan::FlowEntry& f : plan.flows)
    if (f.queue == queue)
      core->udp_flows.insert({f.src, f.dst, f.src_port, f.dst_port},
                             static_cast<std::uint16_t>(f.endpoint));
  if (h.multicast) core->addresses.join(AddressTable::all_hosts);
  for (std::size_t i = 0; i < plan.endpoints.size(); ++i) {
    const ir::Endpoint& e = plan.endpoints[i];
    if (e.vacant()) continue;
    core->udp_ports.insert(e.address, e.addresses, e.port, e.ports, static_cast<std::uint16_t>(i));
    for (const ir::GroupJoin& g : e.groups) {
      core->groups.set(g.group, {static_cast<std::uint16_t>(i),
                                 e.port,
                                 static_cast<std::uint16_t>(e.last_port()),
                                 {g.exclude, g.sources}});
      core->addresses.join(g.group);
    }
  }
  for (const ir::Route& r : h.routes) core->routes.add(r.prefix, r.length, r.via);
  return core;
}

class Walker {
 public:
  Walker(const plan::Residue& residue, const ir::FieldTable& fields, ir::Lookup wire,
         Packet& packet, Core& core)
      : graph_(residue.graph),
        packet_(packet),
        core_(core),
        lookup_(packet_lookup(fields, packet, core, std::move(wire))) {}

  // Follows the packet from `at`; gives the vertex where it ended.
  ir::Vertex follow(ir::Vertex at, std::vector<Step>& steps, std::optional<ir::Vertex>& answer) {
    for (;;) {
      const ir::Node& node = graph_.node(at);
      unsigned port = step(node, steps);
      for (const auto& [slot, to] : graph_.spawns(at))
        if (ir::carries_buffer(slot) && port == 0 && node.kind == ir::NodeKind::effect) answer = to;
      auto next = graph_.next(at, port);
      if (!next) return at;
      at = *next;
    }
  }

 private:
  unsigned step(const ir::Node& node, std::vector<Step>& steps) {
    switch (node.kind) {
      case ir::NodeKind::match: return match(node, steps);
      case ir::NodeKind::conjunction:
      case ir::NodeKind::disjunction: return items(node, steps);
      case ir::NodeKind::test:
      case ir::NodeKind::effect: return body(node, steps);
      default: return 0;
    }
  }

  unsigned match(const ir::Node& node, std::vector<Step>& steps) {
    for (unsigned i = 0; i < node.ports.size(); ++i) {
      if (node.ports[i].when && !ir::holds(node.ports[i].when, lookup_)) continue;
      if (!node.ports[i].when) {
        // "otherwise" is written last in good style, but may stand anywhere.
        bool another = false;
        for (unsigned j = i + 1; j < node.ports.size(); ++j)
          another |= node.ports[j].when && ir::holds(node.ports[j].when, lookup_);
        if (another) continue;
      }
      steps.push_back({node.id, node.ports[i].name,
                       node.ports[i].when ? ir::to_string(node.ports[i].when)
                                          : "no other port's condition holds"});
      return i;
    }
    throw std::logic_error(fmt::format("no port of `{}` takes the packet", node.id));
  }

  bool item_holds(const ir::Item& item, std::string& why) {
    if (item.when && ir::holds(item.when, lookup_)) {
      why = ir::to_string(item.when);
      return true;
    }
    if (item.test.empty()) {
      why = item.when ? "not " + ir::to_string(item.when) : "";
      return !item.when;
    }
    const nodes::Entry* entry = nodes::find(item.test);
    if (entry == nullptr) throw std::logic_error(fmt::format("no stack node `{}`", item.test));
    bool yes = entry->run(packet_, core_) == 0;
    why = fmt::format("{} says {}, computed in software", item.test, yes ? "yes" : "no");
    return yes;
  }

  // Port 0 is "all hold" ("none holds"); then one port for each item, found by name, because items
  // that are proved away leave no port.
  unsigned items(const ir::Node& node, std::vector<Step>& steps) {
    const bool all = node.kind == ir::NodeKind::conjunction;
    std::string computed;
    for (const ir::Item& item : node.items) {
      std::string why;
      const bool holds = item_holds(item, why);
      if (holds != all) {
        steps.push_back({node.id, fmt::format("{} {}", item.id, holds ? "holds" : "fails"), why});
        for (unsigned i = 1; i < node.ports.size(); ++i)
          if (node.ports[i].name == item.id) return i;
        throw std::logic_error(fmt::format("`{}` has no port for `{}`", node.id, item.id));
      }
      if (!item.test.empty()) computed += (computed.empty() ? "" : "; ") + item.id + ": " + why;
    }
    std::string names;
    for (const ir::Item& item : node.items) names += (names.empty() ? "" : ", ") + item.id;
    std::string why = (all ? "all hold: " : "none holds: ") + names;
    steps.push_back({node.id, node.ports[0].name,
                     computed.empty() ? why : fmt::format("{} ({})", why, computed)});
    return 0;
  }

  unsigned body(const ir::Node& node, std::vector<Step>& steps) {
    const nodes::Entry* entry = nodes::find(node.impl);
    if (entry == nullptr) throw std::logic_error(fmt::format("no stack node `{}`", node.impl));
    const unsigned taken = entry->run(packet_, core_);
    const auto declared = nodes::split(entry->decl->ports);
    steps.push_back({node.id, declared.size() > 1 ? declared.at(taken) : "", node.impl});
    if (node.ports.size() == 1) return 0;
    for (unsigned i = 0; i < node.ports.size(); ++i)
      if (node.ports[i].name == declared.at(taken)) return i;
    throw std::logic_error(fmt::format("`{}` has no port `{}`", node.id, declared.at(taken)));
  }

  const ir::Graph& graph_;
  Packet& packet_;
  Core& core_;
  ir::Lookup lookup_;
};

}  // namespace

StackWalk walk_stack(const plan::Plan& plan, const plan::Residue& residue, unsigned queue,
                     const ir::FieldTable& fields, const std::vector<std::uint8_t>& frame,
                     const Packet& answers) {
  Buffers buffers;
  const Owners owners = plan::owners_of(plan);
  auto core = core_of(plan, queue, buffers, owners);
  Packet packet = answers;
  buffers.allocate(packet, static_cast<std::uint32_t>(frame.size()) + 256);
  packet.facts = answers.facts;
  packet.mark = answers.mark;
  std::copy(frame.begin(), frame.end(), packet.data);
  packet.len = static_cast<std::uint32_t>(frame.size());
  auto wire = wire_lookup(fields, frame, plan.host, plan.configuration.knobs);
  const auto teach_sender = [&] {
    if (wire("has ipv4"))
      core->neighbours.learn(*core, static_cast<std::uint32_t>(wire("ipv4.src")),
                             static_cast<std::uint64_t>(wire("eth.src")), true);
  };
  teach_sender();

  StackWalk out;
  auto rx = residue.graph.find("rx");
  if (!rx) throw std::logic_error("the residue has no node `rx`");
  std::optional<ir::Vertex> answer, none;
  const ir::Graph* graph = &residue.graph;
  auto walker = std::make_unique<Walker>(residue, fields, wire, packet, *core);
  ir::Vertex last = walker->follow(*rx, out.steps, answer);
  // On the owner's shard it is not handed over again: owners are the same for all.
  if (buffers.handed) {
    const auto& [entry, owner, there] = *buffers.handed;
    const plan::Residue* run_by = plan::residue_of_entry(plan, owner, entry);
    if (run_by == nullptr) throw std::logic_error("no residue takes over what is handed over");
    out.steps.push_back({graph->node(last).id, fmt::format("queue {}", owner),
                         fmt::format("goes on there, in residue {}", run_by->id)});
    packet = there;
    core = core_of(plan, owner, buffers, owners);
    teach_sender();
    graph = &run_by->graph;
    walker = std::make_unique<Walker>(*run_by, fields, wire, packet, *core);
    last = walker->follow(*ir::EdgeTable::of(*graph).entries[entry], out.steps, answer);
  }
  const ir::Node& end = graph->node(last);
  out.terminal = end.id;
  out.meaning = end.meaning;
  if (end.kind == ir::NodeKind::endpoint && end.impl == "application" &&
      packet.endpoint < plan.endpoints.size())
    out.meaning += fmt::format(" (endpoint `{}`)", plan.endpoints[packet.endpoint].name);
  if (answer) {
    const ir::Node& sent = graph->node(walker->follow(*answer, out.answer, none));
    out.answer.push_back({sent.id, "", sent.meaning});
  }
  return out;
}

}  // namespace weft::tool
