#include "compiler/planner/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "compiler/passes/configure.h"
#include "compiler/passes/steer.h"
#include "compiler/passes/tables.h"
#include "compiler/plan/target.h"

namespace weft::planner {
namespace {

using passes::key_of;
using plan::Operation;
using Kind = Operation::Kind;

ir::Flow flow_of(const FlowKey& key, unsigned endpoint, const passes::Inputs& in,
                 const FlowWish& wish = {}) {
  return {.src = key.src,
          .src_port = key.src_port,
          .dst_port = key.dst_port,
          .endpoint = endpoint,
          .dst = key.dst,
          .gold = wish.gold.value_or(in.workload.endpoints[endpoint].gold),
          .queue = wish.queue};
}

}  // namespace

Decider::Decider(const plan::Plan& plan, const passes::Inputs& inputs)
    : in_(inputs), choice_(inputs, plan), load_(plan.configuration.rx_queues, 0.0) {
  const ir::Node* rss = passes::rss_node(in_.nic);
  predictable_ = rss == nullptr || rss->config.rss->predictable;
  flows_.reserve(plan.flows.size() * 2);
  for (const plan::FlowEntry& f : plan.flows) {
    flows_[key_of(f)].entry = f;
    load_[f.queue] += flows_[key_of(f)].rate;
  }
  for (const plan::Filter& f : plan.configuration.filters) know_rule(f, true);
  for (const ir::Flow& f : inputs.workload.flows)
    set_rate({f.src, f.src_port, inputs.workload.local_address(f), f.dst_port}, f.rate);
}

std::optional<Place> Decider::place(const FlowKey& key, unsigned endpoint,
                                    const FlowWish& wish) const {
  const auto place = choice_.place(flow_of(key, endpoint, in_, wish));
  if (!place) return std::nullopt;
  if (place->table < 0) return Place{"", place->queue};
  return Place{choice_.tables()[static_cast<std::size_t>(place->table)], place->queue};
}

std::string Decider::why_not(const FlowKey& key, unsigned endpoint, const FlowWish& wish) const {
  return choice_.why_not(flow_of(key, endpoint, in_, wish));
}

std::optional<std::string> Decider::table_with_room() const {
  for (unsigned t = 0; t < choice_.tables().size(); ++t) {
    if (choice_.room(t) != 0) return choice_.tables()[t];
  }
  return std::nullopt;
}

plan::Filter Decider::rule(const FlowKey& key, const Place& place, unsigned endpoint) const {
  plan::Filter out = passes::flow_rule(in_, flow_of(key, endpoint, in_), place.table, place.queue);
  out.id = fresh_id();
  return out;
}

std::string Decider::fresh_id(std::uint64_t ahead) const {
  return fmt::format("f{}", next_id_ + ahead);
}

std::vector<unsigned> Decider::queues_for(const ir::FlowSet& set, const FlowWish& wish,
                                          const std::vector<plan::Filter>& rules) const {
  const FlowKey key{.src = set.src, .dst = set.dst, .dst_port = set.dst_port, .tcp = true};
  std::vector<unsigned> out = choice_.may_arrive(flow_of(key, set.endpoint, in_, wish));
  std::vector<double> load;
  for (unsigned q = 0; q < load_.size(); ++q) load.push_back(choice_.load(q));
  const double each = choice_.weight_of_flow(set.endpoint, 1);
  for (const plan::Filter& rule : rules) {
    const std::vector<unsigned> queues = plan::queues_of(rule);
    for (const unsigned q : queues) load[q] += each / static_cast<double>(queues.size());
  }
  std::stable_sort(out.begin(), out.end(),
                   [&](unsigned a, unsigned b) { return load[a] < load[b]; });
  return out;
}

// A rule comes or goes; ids of new ones are above all that were.
void Decider::know_rule(const plan::Filter& rule, bool there) {
  std::uint64_t number = 0;
  const std::string& id = rule.id;
  if (id.size() > 1 && id[0] == 'f' &&
      std::from_chars(id.data() + 1, id.data() + id.size(), number).ec == std::errc())
    next_id_ = std::max(next_id_, number + 1);
  const auto key = passes::key_of(rule);
  const auto at = key ? flows_.find(*key) : flows_.end();
  if (at == flows_.end()) return;
  if (there) {
    at->second.rules.push_back(rule);
  } else {
    std::erase_if(at->second.rules,
                  [&](const plan::Filter& f) { return plan::rule_key(f) == plan::rule_key(rule); });
  }
}

void Decider::note(const Operation& o) {
  switch (o.kind) {
    case Kind::add_flow: {
      KnownFlow& known = flows_[key_of(o.flow)];
      known.entry = o.flow;
      load_[o.flow.queue] += known.rate;
      FlowWish wish{o.flow.gold, {}};
      if (o.flow.pinned) wish.queue = o.flow.queue;
      ir::Flow flow = flow_of(key_of(o.flow), o.flow.endpoint, in_, wish);
      flow.rate = known.rate;
      choice_.put(flow, o.flow.queue);
      return;
    }
    case Kind::remove_flow: {
      const auto at = flows_.find(key_of(o.flow));
      load_[o.flow.queue] -= at->second.rate;
      choice_.remove(at->first);
      flows_.erase(at);
      return;
    }
    case Kind::move_flow: {
      KnownFlow& known = flows_[key_of(o.flow)];
      load_[known.entry.queue] -= known.rate;
      known.entry.queue = o.queue;
      load_[known.entry.queue] += known.rate;
      choice_.move(key_of(o.flow), o.queue);
      return;
    }
    case Kind::create_rule:
    case Kind::destroy_rule:
      choice_.rule(o.filter, o.kind == Kind::create_rule);
      know_rule(o.filter, o.kind == Kind::create_rule);
      return;
    case Kind::set_table:
      for (const auto& [index, queue] : o.entries) choice_.set_entry(index, queue);
      return;
    default: return;
  }
}

void Decider::set_rate(const FlowKey& key, double rate) {
  const auto at = flows_.find(key);
  if (at == flows_.end()) return;
  load_[at->second.entry.queue] += rate - at->second.rate;
  at->second.rate = rate;
  choice_.set_rate(key, rate);
}

void Decider::set_pinned(const FlowKey& key, bool pinned) {
  const auto at = flows_.find(key);
  if (at == flows_.end()) return;
  at->second.entry.pinned = pinned;
  choice_.set_pinned(key, pinned);
}

const KnownFlow* Decider::find(const FlowKey& key) const {
  const auto at = flows_.find(key);
  return at == flows_.end() ? nullptr : &at->second;
}

std::optional<std::pair<FlowKey, unsigned>> Decider::best_move(double least) {
  const auto move = choice_.moves(1);
  if (move.empty()) return std::nullopt;
  // (Whoever moves it tells by note().)
  const auto& [key, from, to] = move.front();
  const double then = std::max(choice_.load(from.queue), choice_.load(to.queue));
  choice_.move(key, from.queue);
  const double now = choice_.load(from.queue);
  if (now - then <= least * now) return std::nullopt;
  return std::pair{key, to.queue};
}

}  // namespace weft::planner
