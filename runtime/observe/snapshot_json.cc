// The JSON document: what `weft stats` and `weft drops` read. Its shape is in README.md; `format`
// is raised when a member changes its meaning or goes away.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "runtime/observe/balance.h"
#include "runtime/observe/snapshot.h"

namespace weft::observe {
namespace {

using Json = nlohmann::ordered_json;

Json node_json(const NodeCount& node) {
  Json ports = Json::array();
  for (const auto& port : node.ports)
    ports.push_back({{"port", port.port}, {"to", port.to}, {"packets", port.packets}});
  Json json = {{"node", node.node},       {"kind", node.kind},       {"impl", node.impl},
               {"meaning", node.meaning}, {"packets", node.packets}, {"ports", std::move(ports)}};
  if (node.cycles != 0) json["cycles"] = node.cycles;
  return json;
}

Json queue_json(const QueueCounts& queue) {
  const engine::ShardCounters& c = queue.counters;
  const engine::CoreView::Tables& t = queue.tables;
  Json stages = Json::object();
  for (std::size_t i = 0; i < queue.stages.size(); ++i)
    stages[std::string(engine::stage_names[i])] = {{"packets", queue.stages[i].packets},
                                                   {"cycles", queue.stages[i].cycles}};
  Json nodes = Json::object();
  for (const NodeCount& node : queue.nodes) nodes[node.node] = node.packets;
  return {{"queue", queue.queue},
          {"core", queue.core},
          {"residue", queue.residue},
          {"received", c.received},
          {"linearised", c.linearised},
          {"unreadable", c.unreadable},
          {"before_use", c.before_use},
          {"probes", c.probes},
          {"transmitted", c.transmitted},
          {"copied_out", c.copied_out},
          {"transmit_full", c.transmit_full},
          {"transmit_unfit", c.transmit_unfit},
          {"transmit_down", c.transmit_down},
          {"no_buffer", c.no_buffer},
          {"taken_over", c.taken_over},
          {"learning_lost", c.learning_lost},
          {"spawn_lost", c.spawn_lost},
          {"neighbours", t.neighbours},
          {"waiting_for_arp", t.waiting},
          {"arp_requests", t.arp_requests},
          {"arp_given_up", t.given_up},
          {"datagrams_in_pieces", t.fragments},
          {"datagrams_put_together", t.completed},
          {"datagrams_timed_out", t.timed_out},
          {"groups", t.groups},
          {"igmp_reports", t.igmp_reports},
          {"arp_announced", t.arp_announced},
          {"arp_conflicts", t.arp_conflicts},
          {"arp_defended", t.arp_defended},
          {"datagrams_evicted", t.evicted},
          {"pieces_made", t.pieces},
          {"path_mtus", t.paths},
          {"stages_timed_one_batch_in", queue.stages_one_in},
          {"stages", std::move(stages)},
          {"entries", queue.entries},
          {"nodes", std::move(nodes)}};
}

Json card_json(const Snapshot& s) {
  Json drops = Json::array();
  for (const ports::CardDrop& drop : s.card.drops)
    drops.push_back(
        {{"reason", drop.reason}, {"stands_for", drop.stands_for}, {"count", drop.count}});
  Json rules = Json::array();
  for (const ports::RulesSeen& seen : s.rules)
    rules.push_back({{"table", seen.table},
                     {"rules", seen.rules},
                     {"counted", seen.counted},
                     {"counted_at_work", seen.counted_at_work},
                     {"frames_counted", seen.frames_counted},
                     {"queues", seen.queues},
                     {"queues_at_work", seen.queues_at_work},
                     {"frames_of_queues", seen.frames_of_queues},
                     {"also_fed_by", seen.also},
                     {"unconfirmed", seen.unconfirmed}});
  return {{"name", s.card_name},
          {"rules", std::move(rules)},
          {"received", s.card.received},
          {"transmitted", s.card.transmitted},
          {"transmit_failed", s.card.transmit_failed},
          {"cut", s.card.cut},
          {"queue_received", s.card.queue_received},
          {"queue_transmitted", s.card.queue_transmitted},
          {"drops", std::move(drops)}};
}

}  // namespace

std::string to_json(const Snapshot& s) {
  Json j = {{"format", 1},          {"plan", s.plan},      {"graph", s.graph},
            {"nic", s.nic},         {"engine", s.engine},  {"pid", getpid()},
            {"running", s.running}, {"time_ns", s.time_ns}};
  j["wire"] = {{"name", s.wire_name},
               {"received", s.wire.received},
               {"dropped_by_wire", s.wire.dropped_by_wire},
               {"sent", s.wire.sent},
               {"send_failed", s.wire.send_failed},
               {"linearised", s.wire.linearised}};
  j["card"] = card_json(s);
  j["cores"] = Json::array();
  for (std::size_t i = 0; i < s.cores.size(); ++i)
    j["cores"].push_back({{"core", i},
                          {"polls", s.cores[i].polls},
                          {"empty_polls", s.cores[i].empty_polls},
                          {"sleeps", s.cores[i].sleeps},
                          {"link_up", s.cores[i].link_up},
                          {"link_changes", s.cores[i].link_changes}});
  j["queues"] = Json::array();
  for (const QueueCounts& queue : s.queues) j["queues"].push_back(queue_json(queue));
  j["nodes"] = Json::array();
  for (const NodeCount& node : total_nodes(s)) j["nodes"].push_back(node_json(node));
  j["drops"] = Json::array();
  for (const Drop& drop : drops(s))
    j["drops"].push_back({{"reason", drop.reason},
                          {"where", drop.where},
                          {"count", drop.count},
                          {"meaning", drop.meaning}});
  j["apps"] = Json::array();
  for (const auto& app : s.apps)
    j["apps"].push_back({{"endpoint", app.endpoint},
                         {"app", app.app},
                         {"protocol", app.tcp ? "tcp" : "udp"},
                         {"received", app.counters.received},
                         {"refused", app.counters.refused},
                         {"sent", app.counters.sent},
                         {"zero_copy", app.counters.zero_copy},
                         {"send_failed", app.counters.send_failed},
                         {"recv_done", app.counters.done},
                         {"errors", app.counters.errors},
                         {"held", app.counters.held}});
  const Balance sums = balance(s);
  Json equations = Json::array();
  for (const Equation& e : sums.equations)
    equations.push_back({{"name", e.name},
                         {"left", e.left},
                         {"right", e.right},
                         {"holds", e.holds()},
                         {"text", e.text}});
  j["balance"] = {{"exact", sums.exact()}, {"equations", std::move(equations)}};
  // File names may hold any bytes; they must not make the document unreadable.
  return j.dump(1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weft::observe
