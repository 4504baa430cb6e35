#include "compiler/plan/places.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "compiler/plan/operation.h"
#include "compiler/plan/segment_rules.h"

namespace weft::plan {
namespace {

using Endpoints = std::vector<ir::Endpoint>;

// By place in `wanted`, the one that it gets.
std::vector<unsigned> places(const Endpoints& wanted, const Endpoints& running) {
  std::vector<bool> taken(running.size(), false);
  std::vector<std::optional<unsigned>> found(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].vacant()) continue;
    const auto at = std::find_if(running.begin(), running.end(), [&](const ir::Endpoint& e) {
      return !e.vacant() && e.name == wanted[i].name;
    });
    if (at == running.end()) continue;
    found[i] = static_cast<unsigned>(at - running.begin());
    taken[*found[i]] = true;
  }
  std::vector<unsigned> free;
  for (const bool vacant : {true, false}) {
    for (unsigned i = 0; i < running.size(); ++i)
      if (!taken[i] && running[i].vacant() == vacant) free.push_back(i);
  }
  auto next = free.begin();
  auto behind = static_cast<unsigned>(running.size());
  std::vector<unsigned> out(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].vacant()) continue;
    out[i] = found[i] ? *found[i] : next != free.end() ? *next++ : behind++;
  }
  return out;
}

Endpoints put_at(const Endpoints& endpoints, const std::vector<unsigned>& places) {
  Endpoints out;
  for (std::size_t i = 0; i < endpoints.size(); ++i)
    if (!endpoints[i].vacant()) ir::put_endpoint(out, places[i], endpoints[i]);
  return out;
}

// Field -> value, where a rule looks at all of it.
template <class T>
bool whole(const Filter& f, const char* field, T& value) {
  const auto at = f.match.find(field);
  if (at == f.match.end() || at->second.second != static_cast<T>(~T{0})) return false;
  value = static_cast<T>(at->second.first);
  return true;
}

// Of several ports with the same upper bits, the first: they are one endpoint's.
bool first(const Filter& f, const char* field, std::uint16_t& value) {
  const auto at = f.match.find(field);
  if (at == f.match.end() || at->second.second == 0) return false;
  value = static_cast<std::uint16_t>(at->second.first);
  return true;
}

}  // namespace

Plan with_places_of(Plan plan, const Endpoints& running) {
  const std::vector<unsigned> to = places(plan.endpoints, running);
  plan.endpoints = put_at(plan.endpoints, to);
  for (FlowEntry& f : plan.flows) f.endpoint = to[f.endpoint];
  for (Filter& f : plan.configuration.filters)
    if (f.mark != 0 && f.mark <= to.size()) f.mark = to[f.mark - 1] + 1;
  for (Placed& p : plan.chosen.placement)
    if (p.endpoint < to.size()) p.endpoint = to[p.endpoint];
  for (Latency& l : plan.latency) {
    for (unsigned& e : l.endpoints)
      if (e < to.size()) e = to[e];
    std::sort(l.endpoints.begin(), l.endpoints.end());
  }
  return plan;
}

ir::Workload with_places_of(ir::Workload workload, const Endpoints& running) {
  const std::vector<unsigned> to = places(workload.endpoints, running);
  workload.endpoints = put_at(workload.endpoints, to);
  for (ir::Flow& f : workload.flows) f.endpoint = to[f.endpoint];
  for (ir::FlowSet& s : workload.sets) s.endpoint = to[s.endpoint];
  return workload;
}

std::optional<unsigned> endpoint_of(const Filter& rule, const Plan& plan) {
  FlowEntry key;
  const bool tcp = about_segments(rule);
  const bool to_port = first(rule, tcp ? "tcp.dst_port" : "udp.dst_port", key.dst_port);
  if (!whole(rule, "ipv4.dst", key.dst)) key.dst = plan.host.address;
  if (to_port && whole(rule, "ipv4.src", key.src) && whole(rule, "udp.src_port", key.src_port)) {
    if (const FlowEntry* flow = find_flow(plan, key)) return flow->endpoint;
  }
  if (rule.mark != 0) return rule.mark - 1;
  return to_port ? ir::endpoint_at(plan.endpoints, key.dst, key.dst_port, tcp) : std::nullopt;
}

double sockets_of(const Filter& rule) {
  double out = about_whole_type(rule) ? 0 : 1;
  for (const auto& [field, want] : rule.match) {
    if (field == "ipv4.src") return 0;
    if (field.ends_with(".src_port")) out *= std::ldexp(1.0, -std::popcount(want.second));
    if (field.ends_with(".dst_port")) out *= std::ldexp(1.0, 16 - std::popcount(want.second));
  }
  return out;
}

bool brought_by_rules(const Plan& plan, unsigned place) {
  double sockets = 0;
  for (const Filter& rule : plan.configuration.filters)
    if (endpoint_of(rule, plan) == place) sockets += sockets_of(rule);
  const ir::Endpoint& e = plan.endpoints.at(place);
  return sockets >= double{1} * e.ports * e.addresses;
}

bool strangers_by_hash(const Plan& plan, unsigned place) {
  const ir::Endpoint& e = plan.endpoints.at(place);
  const bool gold = e.gold && plan.chosen.policy == to_string(ir::Policy::gold);
  const bool asks = gold || e.exclusive || e.queues || e.core;
  if (!asks || e.vacant() || e.rate != 0 || plan.configuration.rx_queues == 1) return false;
  const auto& rules = plan.configuration.filters;
  const bool known = std::any_of(plan.flows.begin(), plan.flows.end(),
                                 [&](const FlowEntry& f) { return f.endpoint == place; }) ||
                     std::any_of(rules.begin(), rules.end(),
                                 [&](const Filter& f) { return endpoint_of(f, plan) == place; });
  const bool by_type = std::any_of(rules.begin(), rules.end(), [&](const Filter& f) {
    return about_whole_type(f) && about_segments(f) == e.tcp;
  });
  return known && !by_type && !brought_by_rules(plan, place);
}

void remove_endpoint(Plan& plan, unsigned place) {
  std::erase_if(plan.configuration.filters,
                [&](const Filter& f) { return endpoint_of(f, plan) == place; });
  std::erase_if(plan.flows, [&](const FlowEntry& f) { return f.endpoint == place; });
  forget_endpoint(plan, place);
}

void forget_endpoint(Plan& plan, unsigned place) {
  std::erase_if(plan.chosen.placement, [&](const Placed& p) { return p.endpoint == place; });
  for (Latency& l : plan.latency) std::erase(l.endpoints, place);
  std::erase_if(plan.latency, [](const Latency& l) { return l.endpoints.empty(); });
  ir::take_endpoint(plan.endpoints, place);
}

}  // namespace weft::plan
