#include "compiler/tool/explain_endpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "compiler/plan/memory.h"
#include "compiler/plan/operation.h"
#include "compiler/plan/places.h"
#include "compiler/plan/preview.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"
#include "compiler/plan/text.h"

namespace weft::tool {
namespace {

constexpr std::size_t shown_rules = 8;

std::vector<std::string> wishes_of(const ir::Endpoint& e) {
  std::vector<std::string> out;
  if (e.gold) out.emplace_back("class gold");
  if (e.exclusive) out.emplace_back("exclusive");
  if (!e.trust.empty()) out.push_back("trust " + e.trust);
  if (e.queues && e.queues->first == e.queues->last)
    out.push_back(fmt::format("queue {}", e.queues->first));
  if (e.queues && e.queues->first != e.queues->last)
    out.push_back(fmt::format("queues {}-{}", e.queues->first, e.queues->last));
  if (e.core) out.push_back(fmt::format("core {}", *e.core));
  if (e.p99_us != 0) out.push_back(fmt::format("p99 {}us", plan::number_text(e.p99_us)));
  return out;
}

// Rules for single flows are told by number, others one by one.
void rules_of(const plan::Plan& plan, unsigned place, EndpointStory& out, std::set<unsigned>& on) {
  for (const plan::Filter& rule : plan.configuration.filters) {
    if (plan::endpoint_of(rule, plan) != place) continue;
    for (const unsigned q : plan::queues_of(rule)) on.insert(q);
    const auto flow = plan::flow_of(rule);
    if (flow && plan::find_flow(plan, *flow) != nullptr) {
      ++out.by_rule;
      continue;
    }
    out.rules.push_back(&rule);
  }
  const bool brought = plan::brought_by_rules(plan, place);
  for (const plan::Filter& rule : plan.configuration.filters) {
    if (brought || !plan::about_whole_type(rule) ||
        plan::about_segments(rule) != plan.endpoints[place].tcp)
      continue;
    for (const unsigned q : plan::queues_of(rule)) on.insert(q);
    out.rules.push_back(&rule);
    return;
  }
  out.hashed = plan.configuration.rx_queues > 1 && !brought;
  out.none_expected = plan::strangers_by_hash(plan, place);
}

std::vector<unsigned> hash_queues(const plan::Plan& plan) {
  const auto& table = plan.configuration.rss.table;
  const std::set<unsigned> all(table.begin(), table.end());
  return {all.begin(), all.end()};
}

void memory_of(const plan::Plan& plan, unsigned place, const std::set<unsigned>& on,
               EndpointStory& out) {
  const plan::Placed placed = plan::placed(plan, place);
  out.process = placed.process;
  out.zero_copy = !placed.copies;
  for (const plan::Placed& p : plan.chosen.placement)
    if (!p.process.empty() && p.process == placed.process && p.endpoint != place)
      out.with.push_back(plan.endpoints.at(p.endpoint).name);
  const bool anywhere = out.hashed && out.hash_queues.empty();
  for (const plan::Region& r : plan::receive_regions(plan))
    if (anywhere ||
        std::any_of(r.queues.begin(), r.queues.end(), [&](unsigned q) { return on.contains(q); }))
      out.receives.push_back(r);
  for (const plan::Region& r : plan.memory)
    if (r.kind != plan::Region::Kind::receive && r.name == placed.process) out.own.push_back(r);
}

std::string buffers_text(const plan::Region& r) {
  return fmt::format("{} buffers of {} bytes{}", r.buffers, r.bytes,
                     r.node ? fmt::format(" on NUMA node {}", *r.node) : "");
}

std::string memory_text(const EndpointStory& s) {
  std::string out = "  process   ";
  out += s.process.empty() ? "the stack's own" : s.process + ", a process of its own";
  if (!s.with.empty()) out += fmt::format(", with {}", fmt::join(s.with, ", "));
  out += "\n";
  const char* how = s.process.empty() ? "in place" : s.zero_copy ? "zero copy" : "copied";
  for (const plan::Region& r : s.receives)
    out += fmt::format("  receives  {}, from {} that {} fill{} for {}\n", how, buffers_text(r),
                       plan::queues_text(r.queues), r.queues.size() == 1 ? "s" : "", r.name);
  for (const plan::Region& r : s.own)
    out +=
        fmt::format("  {}{}\n", r.kind == plan::Region::Kind::copies ? "copied to " : "sends     ",
                    buffers_text(r));
  return out;
}

nlohmann::json regions_json(const std::vector<plan::Region>& regions) {
  auto out = nlohmann::json::array();
  for (const plan::Region& r : regions)
    out.push_back({{"region", r.name},
                   {"for", plan::to_string(r.kind)},
                   {"queues", r.queues},
                   {"buffers", r.buffers},
                   {"bytes", r.bytes}});
  return out;
}

nlohmann::json latency_json(const std::vector<plan::Latency>& all) {
  auto out = nlohmann::json::array();
  for (const plan::Latency& l : all)
    out.push_back({{"of", l.priority ? "gold" : "all"},
                   {"wait_us", l.wait_us},
                   {"p99_us", l.p99_us},
                   {"allowed_us", l.allowed_us}});
  return out;
}

nlohmann::json cores_json(const std::vector<EndpointStory::Core>& cores) {
  auto out = nlohmann::json::array();
  for (const auto& c : cores)
    out.push_back({{"core", c.core}, {"queues", c.queues}, {"polled_first", c.first}});
  return out;
}

}  // namespace

std::optional<EndpointStory> explain_endpoint(const plan::Plan& plan, const std::string& name) {
  const auto at =
      std::find_if(plan.endpoints.begin(), plan.endpoints.end(),
                   [&](const ir::Endpoint& e) { return !e.vacant() && e.name == name; });
  if (at == plan.endpoints.end()) return std::nullopt;
  const auto place = static_cast<unsigned>(at - plan.endpoints.begin());
  EndpointStory out;
  out.name = name;
  out.sockets = plan::sockets_text(*at);
  out.app = at->app;
  out.wishes = wishes_of(*at);
  std::set<unsigned> on;
  rules_of(plan, place, out, on);
  for (const plan::FlowEntry& f : plan.flows) {
    if (f.endpoint != place) continue;
    ++out.flows;
    on.insert(f.queue);
  }
  if (out.hashed) {
    out.hash_queues = hash_queues(plan);
    on.insert(out.hash_queues.begin(), out.hash_queues.end());
  }
  if (plan.configuration.rx_queues == 1) on.insert(0);
  out.queues.assign(on.begin(), on.end());
  for (const plan::QueueZone& z : plan.chosen.zones)
    if (plan.chosen.zones.size() > 1 &&
        std::any_of(z.queues.begin(), z.queues.end(), [&](unsigned q) { return on.contains(q); }))
      out.zones.push_back(z.name);
  for (const plan::NetCore& core : plan.cores) {
    EndpointStory::Core its{core.id, {}, false};
    for (const unsigned q : core.queues)
      if (on.contains(q)) its.queues.push_back(q);
    its.first = std::any_of(core.priority.begin(), core.priority.end(),
                            [&](unsigned q) { return on.contains(q); });
    std::sort(its.queues.begin(), its.queues.end());
    if (!its.queues.empty()) out.cores.push_back(std::move(its));
  }
  for (const plan::Latency& l : plan.latency)
    if (std::find(l.endpoints.begin(), l.endpoints.end(), place) != l.endpoints.end())
      out.latency.push_back(l);
  for (const plan::Placed& p : plan.chosen.placement) {
    if (p.endpoint != place) continue;
    out.placement = ir::to_string(p.how);
    out.why = p.why;
  }
  memory_of(plan, place, on, out);
  return out;
}

std::string to_text(const EndpointStory& s) {
  std::string out = fmt::format("endpoint {}: {}, application {}\n", s.name, s.sockets, s.app);
  if (!s.wishes.empty()) out += fmt::format("  asks for  {}\n", fmt::join(s.wishes, ", "));
  for (std::size_t i = 0; i < s.rules.size() && i < shown_rules; ++i)
    out += fmt::format("  rule      {} in {}: {} => {}\n", s.rules[i]->id, s.rules[i]->table,
                       plan::filter_subject(*s.rules[i]), plan::target_text(*s.rules[i]));
  if (s.rules.size() > shown_rules)
    out += fmt::format("  ... and {} rules more\n", s.rules.size() - shown_rules);
  if (s.flows != 0)
    out += fmt::format("  flows     {} known, {} by rules of their own\n", s.flows, s.by_rule);
  if (s.hashed)
    out += fmt::format("  the rest  by the card's hash: {}\n",
                       s.hash_queues.empty() ? "on any queue" : plan::queues_text(s.hash_queues));
  if (s.none_expected) out += fmt::format("  {}\n", plan::none_expected);
  for (const EndpointStory::Core& c : s.cores)
    out += fmt::format("  core {}    {}{}\n", c.core, plan::queues_text(c.queues),
                       c.first ? ", polled first" : "");
  for (const plan::Latency& l : s.latency)
    out += fmt::format("  {}   {} (predicted: M/G/1, two classes)\n",
                       l.priority ? "gold   " : "latency", plan::latency_text(l));
  if (!s.zones.empty()) out += fmt::format("  queues of {}\n", fmt::join(s.zones, ", "));
  if (!s.placement.empty()) out += fmt::format("  runs      {}: {}\n", s.placement, s.why);
  return out + memory_text(s);
}

std::string to_json(const EndpointStory& s) {
  auto rules = nlohmann::json::array();
  for (const plan::Filter* f : s.rules)
    rules.push_back({{"id", f->id},
                     {"table", f->table},
                     {"match", plan::filter_subject(*f)},
                     {"queue", f->queue},
                     {"queues", plan::queues_of(*f)}});
  const nlohmann::json out = {{"endpoint", s.name},
                              {"sockets", s.sockets},
                              {"app", s.app},
                              {"wishes", s.wishes},
                              {"rules", std::move(rules)},
                              {"flows", s.flows},
                              {"flows_by_rule", s.by_rule},
                              {"hashed", s.hashed},
                              {"hash_queues", s.hash_queues},
                              {"none_expected", s.none_expected},
                              {"queues", s.queues},
                              {"zones", s.zones},
                              {"cores", cores_json(s.cores)},
                              {"latency", latency_json(s.latency)},
                              {"process", s.process},
                              {"zero_copy", s.zero_copy},
                              {"receives", regions_json(s.receives)},
                              {"memory", regions_json(s.own)},
                              {"placement", s.placement},
                              {"why", s.why}};
  return out.dump(2) + "\n";
}

}  // namespace weft::tool
