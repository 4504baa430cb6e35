#include "compiler/passes/wishes.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/steer.h"
#include "compiler/passes/tables.h"
#include "compiler/plan/memory.h"
#include "compiler/plan/places.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"

namespace weft::passes {

namespace {

std::string range_text(const ir::QueueRange& r) {
  return r.first == r.last ? fmt::format("queue {}", r.first)
                           : fmt::format("queues {} to {}", r.first, r.last);
}

std::pair<std::uint64_t, std::uint64_t> seen(const plan::Filter& rule, const char* field) {
  const auto at = rule.match.find(field);
  return at == rule.match.end() ? std::pair<std::uint64_t, std::uint64_t>() : at->second;
}

// With what a flow, or a set of them, says of itself.
template <class Said>
Asking narrowed(Asking out, const Said& it) {
  if (it.queue || it.gold != out.gold) out.span = it.span;
  out.gold = it.gold;
  if (it.queue) out.queues = ir::QueueRange{*it.queue, *it.queue};
  return out;
}

}  // namespace

Asking asking(const ir::Workload& workload, unsigned e) {
  const ir::Endpoint& endpoint = workload.endpoints[e];
  return {e, endpoint.gold, endpoint.queues, endpoint.span};
}

Asking asking(const ir::Workload& workload, const ir::Flow& flow) {
  return narrowed(asking(workload, flow.endpoint), flow);
}

Asking asking(const ir::Workload& workload, const ir::FlowSet& set) {
  return narrowed(asking(workload, set.endpoint), set);
}

Wishes::Wishes(const plan::Plan& plan, const Inputs& inputs) : workload_(inputs.workload) {
  const unsigned queues = plan.configuration.rx_queues;
  users_.resize(queues);
  core_.resize(queues);
  first_.assign(queues, false);
  group_.assign(queues, plan::everybodys);
  for (const plan::NetCore& core : plan.cores) {
    for (const unsigned q : core.queues) core_[q] = core.id;
    for (const unsigned q : core.priority)
      if (q < queues) first_[q] = true;
  }
  for (const plan::Region& r : plan::receive_regions(plan))
    for (const unsigned q : r.queues) group_[q] = r.name;
  for (unsigned e = 0; e < workload_.endpoints.size(); ++e) {
    const plan::Placed placed = plan::placed(plan, e);
    its_.push_back(placed.copies ? plan::everybodys : plan::group_of(endpoint(e), placed.how));
  }
  std::map<FlowKey, const ir::Flow*> known;
  for (const ir::Flow& f : workload_.flows)
    known[{f.src, f.src_port, workload_.local_address(f), f.dst_port}] = &f;
  for (const plan::FlowEntry& f : plan.flows)
    if (const auto at = known.find(key_of(f)); at != known.end())
      users_[f.queue].insert({at->second->endpoint, at->second->gold});
  rules(plan);
  hash(plan, inputs);
}

// Those for more than one flow.
void Wishes::rules(const plan::Plan& plan) {
  std::map<SetKey, const ir::FlowSet*> sets;
  for (const ir::FlowSet& s : workload_.sets)
    sets[{s.endpoint, s.src, s.src_mask, s.src_port, s.src_port_mask}] = &s;
  for (const plan::Filter& f : plan.configuration.filters) {
    if (key_of(f)) continue;
    const auto e = plan::endpoint_of(f, plan);
    if (!e || *e >= workload_.endpoints.size() || endpoint(*e).vacant()) continue;
    const auto [src, mask] = seen(f, "ipv4.src");
    const auto [port, bits] = seen(f, plan::about_segments(f) ? "tcp.src_port" : "udp.src_port");
    const auto set = sets.find({*e, src, mask, port, bits});
    if (mask != 0 && set == sets.end()) continue;  // nobody asks for it
    const bool gold = set == sets.end() ? endpoint(*e).gold : set->second->gold;
    for (const unsigned q : plan::queues_of(f)) users_[q].insert({*e, gold});
  }
}

void Wishes::hash(const plan::Plan& plan, const Inputs& inputs) {
  const plan::Rss& rss = plan.configuration.rss;
  const ir::Node* unit = rss_node(inputs.nic);
  hashed_.assign(users_.size(), unit != nullptr && !unit->config.rss->predictable);
  if (unit == nullptr || !rss.enabled || rss.table.empty()) {
    hashed_[0] = true;
  } else {
    for (const auto q : rss.table) hashed_[q] = true;
  }
}

// Who has queues for itself, or for its class.
std::optional<Breach> Wishes::between(const Asking& packets, const User& other,
                                      unsigned queue) const {
  const ir::Endpoint &mine = endpoint(packets.endpoint), &its = endpoint(other.endpoint);
  if (other.endpoint != packets.endpoint && (mine.exclusive || its.exclusive)) {
    const ir::Endpoint& whose = its.exclusive ? its : mine;
    const ir::Endpoint& stranger = its.exclusive ? mine : its;
    return Breach{fmt::format("queue {} is for {} alone (`exclusive:`), not for {}", queue,
                              whose.name, stranger.name),
                  whose.span, !its.exclusive};
  }
  if (first(packets.gold) == first(other.gold)) return std::nullopt;
  const bool others = first(packets.gold);
  return Breach{fmt::format("queue {} is for class gold, not for what else comes to {}", queue,
                            others ? its.name : mine.name),
                others ? packets.span : its.span, others};
}

std::optional<Breach> Wishes::against_core(const Asking& packets, unsigned queue) const {
  const ir::Endpoint& mine = endpoint(packets.endpoint);
  if (mine.core && core_[queue] != mine.core)
    return Breach{fmt::format("queue {} is run by core {}, and {} asks for core {}", queue,
                              core_[queue].value_or(0), mine.name, *mine.core),
                  mine.span};
  if (first(packets.gold) && !first_[queue])
    return Breach{fmt::format("queue {} has packets of class gold to {}, and its core does not "
                              "poll it first",
                              queue, mine.name),
                  packets.span};
  return std::nullopt;
}

std::optional<Breach> Wishes::against(const Asking& packets, unsigned queue, bool expected) const {
  const ir::Endpoint& mine = endpoint(packets.endpoint);
  if (group_[queue] != its_[packets.endpoint]) {
    // (The line of whoever has a group.)
    diag::Span wish = mine.span;
    for (unsigned e = 0; e < its_.size() && mine.trust.empty(); ++e)
      if (its_[e] == group_[queue]) wish = endpoint(e).span;
    return Breach{fmt::format("queue {} fills the region of {}, and packets to {} belong into that "
                              "of {}",
                              queue, group_[queue], mine.name, its_[packets.endpoint]),
                  wish};
  }
  for (const User& other : users_[queue]) {
    auto breach = between(packets, other, queue);
    if (breach && (expected || !breach->others)) return breach;
  }
  if (!expected) return std::nullopt;
  if (packets.queues && (queue < packets.queues->first || queue > packets.queues->last))
    return Breach{fmt::format("{} is asked for", range_text(*packets.queues)), packets.span};
  if (auto breach = against_core(packets, queue)) return breach;
  if (mine.exclusive && hashed_[queue])
    return Breach{fmt::format("what no rule matches arrives on queue {}, too, and {} is to have "
                              "its queues alone (`exclusive:`)",
                              queue, mine.name),
                  mine.span};
  return std::nullopt;
}

}  // namespace weft::passes
