// Plans and differences as JSON, for programs. `format_version` changes when a key changes its
// meaning or goes; new keys do not change it.
#include <nlohmann/json.hpp>

#include "compiler/plan/diff.h"
#include "compiler/plan/memory.h"
#include "compiler/plan/plan.h"
#include "compiler/plan/text.h"

namespace weft::plan {
namespace {

using Json = nlohmann::ordered_json;

Json node_json(const ir::Graph& graph, ir::Vertex v) {
  const ir::Node& node = graph.node(v);
  Json out{{"id", node.id}, {"kind", ir::to_string(node.kind)}};
  if (!node.impl.empty()) out["impl"] = node.impl;
  out["fate"] = ir::to_string(node.fate);
  if (!node.why.empty()) out["why"] = node.why;
  if (!node.meaning.empty()) out["meaning"] = node.meaning;
  for (const ir::Item& item : node.items) {
    Json entry{{"id", item.id}};
    if (item.when) entry["when"] = ir::to_string(item.when);
    if (!item.test.empty()) entry["test"] = item.test;
    entry["fate"] = ir::to_string(item.fate);
    if (!item.why.empty()) entry["why"] = item.why;
    out["items"].push_back(std::move(entry));
  }
  for (unsigned i = 0; i < node.ports.size(); ++i) {
    auto to = graph.next(v, i);
    if (!to) continue;
    Json entry{{"name", node.ports[i].name}, {"to", graph.node(*to).id}};
    if (node.ports[i].when) entry["when"] = ir::to_string(node.ports[i].when);
    out["ports"].push_back(std::move(entry));
  }
  for (const auto& [slot, to] : graph.spawns(v)) out["spawn"][slot] = graph.node(to).id;
  return out;
}

Json residue_json(const Residue& r) {
  Json out{{"id", r.id}, {"queues", r.queues}, {"class", r.queue_class}};
  out["decisions"] = Json::array();
  for (const Decision& d : r.decisions) {
    Json entry{{"node", d.node}};
    if (!d.item.empty()) entry["item"] = d.item;
    entry["fate"] = ir::to_string(d.fate);
    entry["why"] = d.why;
    out["decisions"].push_back(std::move(entry));
  }
  out["graph"] = Json::array();
  for (auto [v, end] = boost::vertices(r.graph.g); v != end; ++v)
    out["graph"].push_back(node_json(r.graph, *v));
  return out;
}

Json groups_json(const ir::Endpoint& e) {
  Json out = Json::array();
  for (const ir::GroupJoin& g : e.groups) {
    Json sources = Json::array();
    for (const std::uint32_t source : g.sources) sources.push_back(address_text(source));
    out.push_back({{"group", address_text(g.group)},
                   {"mode", g.exclude ? "except" : "only"},
                   {"sources", std::move(sources)}});
  }
  return out;
}

Json host_json(const ir::HostConfig& host) {
  Json out{{"mac", mac_text(host.mac)},
           {"address", address_text(host.address)},
           {"prefix_length", host.prefix_length},
           {"secondary", Json::array()},
           {"vlan", host.vlan_id},
           {"mtu", host.mtu},
           {"forwarding", host.forwarding},
           {"multicast", host.multicast},
           {"probe", host.probe},
           {"routes", Json::array()},
           {"neighbours", Json::array()}};
  for (const ir::OwnAddress& own : host.secondary)
    out["secondary"].push_back(
        {{"address", address_text(own.address)}, {"prefix_length", own.prefix_length}});
  for (const ir::Route& r : host.routes)
    out["routes"].push_back({{"prefix", address_text(r.prefix)},
                             {"length", r.length},
                             {"via", r.via == 0 ? Json() : Json(address_text(r.via))}});
  for (const ir::Neighbour& n : host.neighbours)
    out["neighbours"].push_back({{"address", address_text(n.address)}, {"mac", mac_text(n.mac)}});
  return out;
}

Json configuration_json(const Configuration& c) {
  Json out{{"rx_queues", c.rx_queues}, {"tx_queues", c.tx_queues}, {"knobs", Json::object()}};
  for (const auto& [knob, on] : c.knobs) out["knobs"][knob] = on;
  out["rss"] = {{"enabled", c.rss.enabled}, {"types", c.rss.types}, {"key", hex_text(c.rss.key)},
                {"table", c.rss.table},     {"does", c.rss.does},   {"peers", Json::object()}};
  out["rss"]["function"] = ir::to_string(c.rss.function);
  if (c.rss.segment) out["rss"]["segment"] = *c.rss.segment;
  for (const auto& [port, key] : c.rss.peers) out["rss"]["peers"][port] = hex_text(key);
  out["filters"] = Json::array();
  for (const Filter& f : c.filters) {
    Json match = Json::object();
    for (const auto& [field, pair] : f.match)
      match[field] = {{"value", pair.first}, {"mask", pair.second}};
    out["filters"].push_back({{"id", f.id},
                              {"table", f.table},
                              {"queue", f.queue},
                              {"priority", f.priority},
                              {"mark", f.mark},
                              {"match", match}});
    if (f.group.empty()) continue;
    out["filters"].back()["queues"] = f.group;
    out["filters"].back()["entries"] = f.entries;
  }
  return out;
}

Json gap_json(const Gap& gap) {
  return {{"busiest", gap.busiest}, {"bound", gap.bound}, {"gap", gap.share()}};
}

Json choice_json(const Chosen& c) {
  Json out{{"policy", c.policy}, {"zones", Json::array()}};
  for (const QueueZone& z : c.zones)
    out["zones"].push_back({{"name", z.name}, {"queues", z.queues}, {"priority", z.priority}});
  out["queues"] = gap_json(c.queues);
  out["cores"] = gap_json(c.cores);
  out["certified"] = c.certified;
  out["placement"] = Json::array();
  for (const Placed& p : c.placement)
    out["placement"].push_back({{"endpoint", p.endpoint},
                                {"how", to_string(p.how)},
                                {"process", p.process.empty() ? Json() : Json(p.process)},
                                {"copies", p.copies},
                                {"rate", p.rate},
                                {"size", p.size},
                                {"why", p.why}});
  out["objectives"] = c.objectives;
  out["compared"] = Json::array();
  for (const Compared& o : c.compared)
    out["compared"].push_back({{"cores", o.cores},
                               {"priority", o.priority},
                               {"filters", o.filters},
                               {"load", o.load},
                               {"latency_us", o.latency_us},
                               {"lost", o.lost}});
  out["stopped"] = c.stopped;
  return out;
}

}  // namespace

std::string to_json(const Plan& plan) {
  Json out{
      {"format_version", plan.version}, {"graph", plan.graph},   {"nic", plan.nic},
      {"driver", plan.driver},          {"inputs", plan.inputs}, {"host", host_json(plan.host)}};
  out["configuration"] = configuration_json(plan.configuration);
  out["endpoints"] = Json::array();
  for (const ir::Endpoint& e : plan.endpoints) {
    if (e.vacant()) {
      out["endpoints"].push_back(nullptr);  // the others keep their numbers
      continue;
    }
    Json endpoint = {{"name", e.name},
                     {"protocol", e.tcp ? "tcp" : "udp"},
                     {"port", e.port},
                     {"ports", e.ports},
                     {"address", e.bound() ? Json(address_text(e.address)) : Json()},
                     {"addresses", e.addresses},
                     {"groups", groups_json(e)},
                     {"app", e.app},
                     {"rate", e.rate},
                     {"class", e.gold ? "gold" : "normal"},
                     {"exclusive", e.exclusive},
                     {"trust", e.trust.empty() ? Json() : Json(e.trust)}};
    if (e.tcp) {
      endpoint["ecn"] = e.ecn;
      endpoint["congestion"] = to_string(e.congestion);
    }
    out["endpoints"].push_back(std::move(endpoint));
  }
  out["flows"] = Json::array();
  for (const FlowEntry& f : plan.flows)
    out["flows"].push_back({{"src", address_text(f.src)},
                            {"src_port", f.src_port},
                            {"dst", address_text(f.dst)},
                            {"dst_port", f.dst_port},
                            {"endpoint", f.endpoint},
                            {"queue", f.queue},
                            {"pinned", f.pinned},
                            {"class", f.gold ? Json(*f.gold ? "gold" : "normal") : Json()}});
  out["choice"] = choice_json(plan.chosen);
  out["cores"] = Json::array();
  for (const NetCore& core : plan.cores)
    out["cores"].push_back({{"id", core.id},
                            {"queues", core.queues},
                            {"priority", core.priority},
                            {"cpu", core.cpu ? Json(*core.cpu) : Json()},
                            {"slower", core.slower},
                            {"remote", core.remote},
                            {"load", core.load}});
  out["latency"] = Json::array();
  for (const Latency& l : plan.latency)
    out["latency"].push_back({{"endpoints", l.endpoints},
                              {"of", l.priority ? "gold" : "all"},
                              {"wait_us", l.wait_us},
                              {"p99_us", l.p99_us},
                              {"allowed_us", l.allowed_us != 0 ? Json(l.allowed_us) : Json()}});
  out["memory"] = Json::array();
  for (const Region& r : plan.memory)
    out["memory"].push_back({{"region", r.name},
                             {"for", to_string(r.kind)},
                             {"queues", r.queues},
                             {"buffers", r.buffers},
                             {"bytes", r.bytes},
                             {"node", r.node ? Json(*r.node) : Json()}});
  out["residues"] = Json::array();
  for (const Residue& residue : plan.residues) out["residues"].push_back(residue_json(residue));
  out["cycles_per_packet"] = plan.cycles_per_packet;
  out["cycles_saved"] = plan.cycles_saved;
  out["proof"] = {{"status", plan.proof.status}, {"content", plan.proof.content},
                  {"leaves", plan.proof.leaves}, {"queries", plan.proof.queries},
                  {"solver", plan.proof.solver}, {"not_proved", plan.proof.not_proved}};
  return out.dump(2) + "\n";
}

std::string diff_json(const Plan& before, const Plan& after) {
  static constexpr const char* kinds[] = {"add", "change", "remove"};
  std::size_t counts[3] = {0, 0, 0};
  Json out{{"format_version", 1}, {"changes", Json::array()}};
  for (const Change& c : diff(before, after)) {
    ++counts[static_cast<int>(c.kind)];
    Json entry{
        {"kind", kinds[static_cast<int>(c.kind)]}, {"section", c.section}, {"subject", c.subject}};
    if (c.kind != Change::Kind::add) entry["before"] = c.before;
    if (c.kind != Change::Kind::remove) entry["after"] = c.after;
    if (!c.reasons.empty()) entry["reasons"] = c.reasons;
    out["changes"].push_back(std::move(entry));
  }
  out["summary"] = {{"add", counts[0]}, {"change", counts[1]}, {"remove", counts[2]}};
  return out.dump(2) + "\n";
}

}  // namespace weft::plan
