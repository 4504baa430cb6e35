#include "runtime/observe/snapshot.h"

#include <algorithm>
#include <set>

#include "compiler/ir/edges.h"

namespace weft::observe {
namespace {

// Vertices reached from `from` by next edges; with `carried`, also where a packet's own buffer goes
// on as an answer.
std::set<ir::Vertex> reached(const ir::Graph& graph, std::vector<ir::Vertex> from, bool carried) {
  std::set<ir::Vertex> seen(from.begin(), from.end());
  while (!from.empty()) {
    const ir::Vertex v = from.back();
    from.pop_back();
    std::vector<ir::Vertex> next;
    for (unsigned port = 0; port < graph.node(v).ports.size(); ++port) {
      if (const auto to = graph.next(v, port)) next.push_back(*to);
    }
    if (carried) {
      for (const auto& [slot, to] : graph.spawns(v)) {
        if (ir::carries_buffer(slot)) next.push_back(to);
      }
    }
    for (ir::Vertex to : next) {
      if (seen.insert(to).second) from.push_back(to);
    }
  }
  return seen;
}

// Entries by which packets come from outside; all other entries and answers belong to sending.
bool receives(const std::string& entry) {
  return entry == "rx" || entry == "ipv4_reassembled" || entry == "loopback" ||
         entry == "udp_copy" || entry.starts_with("handed_");
}

void split(QueueCounts& queue, const ir::Graph& graph, const ir::EdgeTable& edges,
           const ir::Counts& counts) {
  std::vector<ir::Vertex> in, out;
  for (unsigned entry = 0; entry < edges.entries.size(); ++entry) {
    if (!edges.entries[entry]) continue;
    (receives(ir::entry_name(entry)) ? in : out).push_back(*edges.entries[entry]);
  }
  for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    for (const auto& [slot, to] : graph.spawns(v)) {
      if (ir::carries_buffer(slot)) out.push_back(to);
    }
  }
  const std::set<ir::Vertex> sending = reached(graph, out, true);
  for (ir::Vertex v : reached(graph, in, false)) {
    if (sending.contains(v)) continue;
    if (edges.of_vertex[v].empty()) queue.received_ends[graph.node(v).id] += counts.node[v];
    for (unsigned e : edges.of_vertex[v]) {
      if (sending.contains(edges.edges[e].to)) queue.forwarded += counts.edge[e];
    }
  }
}

// Adds up nodes of the same name; nodes that are new come behind those that are known.
void add(std::vector<NodeCount>& total, const std::vector<NodeCount>& more) {
  for (const NodeCount& node : more) {
    const auto known = std::find_if(total.begin(), total.end(),
                                    [&](const NodeCount& n) { return n.node == node.node; });
    if (known == total.end()) {
      total.push_back(node);
      continue;
    }
    known->packets += node.packets;
    known->cycles += node.cycles;
    for (const auto& port : node.ports) {
      const auto same = std::find_if(known->ports.begin(), known->ports.end(),
                                     [&](const auto& p) { return p.port == port.port; });
      if (same == known->ports.end()) {
        known->ports.push_back(port);
      } else {
        same->packets += port.packets;
      }
    }
  }
}

// What one program of a queue counted.
void add(QueueCounts& queue, const engine::Program& program,
         const std::vector<std::uint64_t>& counted, const std::vector<std::uint64_t>& cycles) {
  const ir::Graph& graph = program.residue.graph;
  const ir::Counts counts = program.edges.derive(graph, counted);
  queue.impossible += counts.impossible;
  std::vector<NodeCount> nodes;
  for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    const ir::Node& node = graph.node(v);
    NodeCount count{.node = node.id,
                    .kind = std::string(ir::to_string(node.kind)),
                    .impl = node.impl,
                    .meaning = node.meaning,
                    .packets = counts.node[v],
                    .cycles = v < cycles.size() ? cycles[v] : 0,
                    .ports = {}};
    for (unsigned e : program.edges.of_vertex[v]) {
      const ir::CountedEdge& edge = program.edges.edges[e];
      count.ports.push_back({node.ports[edge.port].name, graph.node(edge.to).id, counts.edge[e]});
    }
    nodes.push_back(std::move(count));
  }
  add(queue.nodes, nodes);
  for (unsigned entry = 0; entry < program.edges.entries.size(); ++entry)
    queue.entries[ir::entry_name(entry)] += counted[program.edges.entry_counter(entry)];
  split(queue, graph, program.edges, counts);
}

// By application: each endpoint, and what those that are gone had counted.
void add_apps(Snapshot& snapshot, engine::Engine& engine,
              const std::vector<engine::CoreView>& views) {
  const auto& endpoints = engine.endpoints();
  for (unsigned i = 0; i < endpoints.size(); ++i) {
    Snapshot::App row{endpoints[i].name, endpoints[i].app, endpoints[i].tcp, {}};
    for (const engine::CoreView& view : views)
      if (i < view.apps.size()) row.counters += view.apps[i];
    if (endpoints[i].vacant() && row.counters == apps::AppCounters{}) continue;
    snapshot.apps.push_back(std::move(row));
  }
  for (const engine::Engine::Gone& gone : engine.gone())
    snapshot.apps.push_back({"(removed)", gone.app, gone.tcp, gone.counters});
}

}  // namespace

Snapshot take(engine::Engine& engine, const Source& source, bool running) {
  Snapshot snapshot;
  const plan::Plan& plan = engine.plan();
  snapshot.plan = source.plan_name;
  snapshot.graph = plan.graph;
  snapshot.nic = plan.nic;
  snapshot.engine = source.engine;
  snapshot.running = running;
  snapshot.time_ns = source.clock != nullptr ? source.clock->now_ns() : 0;

  const auto views = engine.views();
  add_apps(snapshot, engine, views);
  for (std::size_t c = 0; c < views.size(); ++c) {
    const engine::CoreView& view = views[c];
    snapshot.cores.push_back(view.core);
    for (std::size_t s = 0; s < view.shards.size(); ++s) {
      const engine::Shard& shard = *engine.cores()[c]->shards[s];
      QueueCounts queue;
      queue.queue = shard.index;
      queue.core = shard.net_core;
      queue.residue = shard.own().residue.id;
      queue.only_flows = shard.own().residue.queue_class == "flows";
      queue.counters = view.shards[s];
      queue.tables = view.tables[s];
      queue.stages = view.stages[s];
      queue.stages_one_in = shard.stages.one_in();
      for (std::size_t p = 0; p < shard.programs.size(); ++p)
        add(queue, *shard.programs[p], view.edges[s][p], view.cycles[s][p]);
      snapshot.queues.push_back(std::move(queue));
    }
  }
  std::sort(snapshot.queues.begin(), snapshot.queues.end(),
            [](const auto& a, const auto& b) { return a.queue < b.queue; });
  if (source.wire != nullptr) {
    snapshot.wire_name = source.wire->name();
    snapshot.wire = source.wire->counters();
  }
  if (source.card != nullptr) {
    snapshot.card_name = source.card->name();
    snapshot.card = source.card->stats();
  }
  if (source.card != nullptr && source.rules != nullptr) {
    std::vector<std::optional<std::uint64_t>> only_rules;
    for (const QueueCounts& queue : snapshot.queues) {
      only_rules.resize(queue.queue + 1);
      if (queue.only_flows) only_rules[queue.queue] = queue.counters.received;
    }
    snapshot.rules = ports::rules_seen(*source.rules, *source.card, only_rules);
  }
  return snapshot;
}

std::vector<NodeCount> total_nodes(const Snapshot& snapshot) {
  std::vector<NodeCount> total;
  for (const QueueCounts& queue : snapshot.queues) add(total, queue.nodes);
  return total;
}

std::vector<Drop> drops(const Snapshot& snapshot) {
  std::vector<Drop> list;
  for (const NodeCount& node : total_nodes(snapshot)) {
    if (node.kind == "drop") list.push_back({node.node, "graph", node.meaning, node.packets});
  }
  for (const ports::CardDrop& drop : snapshot.card.drops) {
    std::string meaning;
    if (drop.reason == "queue_full") meaning = "its core had not taken what came before";
    if (!drop.stands_for.empty()) meaning = "the card's form of " + drop.stands_for;
    list.push_back({drop.reason, "card", meaning, drop.count});
  }
  engine::ShardCounters sum;
  std::uint64_t given_up = 0, impossible = 0, refused = 0;
  for (const QueueCounts& queue : snapshot.queues) {
    sum.unreadable += queue.counters.unreadable;
    sum.before_use += queue.counters.before_use;
    sum.transmit_full += queue.counters.transmit_full;
    sum.transmit_unfit += queue.counters.transmit_unfit;
    sum.transmit_down += queue.counters.transmit_down;
    sum.speaker_lost += queue.counters.speaker_lost;
    sum.spawn_lost += queue.counters.spawn_lost;
    given_up += queue.tables.given_up;
    impossible += queue.impossible;
  }
  for (const auto& app : snapshot.apps) refused += app.counters.refused;
  const auto engine = [&list](const char* reason, std::uint64_t count, const char* meaning) {
    list.push_back({reason, "engine", meaning, count});
  };
  engine("before_use", sum.before_use, "came while the own addresses were probed");
  engine("unreadable", sum.unreadable, "longer than one buffer, or no buffer to copy it to");
  engine("transmit_full", sum.transmit_full, "the card's transmit queue stayed full");
  engine("transmit_unfit", sum.transmit_unfit, "longer than a frame, or no buffer to copy it to");
  engine("transmit_down", sum.transmit_down, "the link was down");
  engine("speaker_lost", sum.speaker_lost, "IGMP; the ring to the core that hears it was full");
  engine("spawn_lost", sum.spawn_lost, "a list of packets to be run was full");
  engine("arp_given_up", given_up, "the next hop did not answer ARP");
  engine("impossible", impossible, "took a way that the plan says does not exist: a bug");
  list.push_back({"app_holds_too_much", "app", "the application keeps too many buffers", refused});
  if (!snapshot.wire_name.empty()) {
    list.push_back({"wire_receive", "wire", "lost before the card", snapshot.wire.dropped_by_wire});
    list.push_back({"wire_send", "wire", "not taken by the device", snapshot.wire.send_failed});
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const Drop& a, const Drop& b) { return a.count > b.count; });
  return list;
}

}  // namespace weft::observe
