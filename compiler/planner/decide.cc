#include "compiler/planner/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "compiler/passes/tables.h"

namespace weft::planner {
namespace {

using plan::Operation;
using Kind = Operation::Kind;

FlowKey key_of(const plan::FlowEntry& f) { return {f.src, f.src_port, f.dst, f.dst_port}; }

plan::Configuration without_rules(const plan::Configuration& config) {
  plan::Configuration out = config;
  out.filters.clear();
  return out;
}

bool can_hold_flows(const ir::FilterTable& table) {
  for (const char* field : {"ipv4.src", "udp.src_port", "ipv4.dst", "udp.dst_port"}) {
    const auto at = table.fields.find(field);
    if (at == table.fields.end() || at->second == ir::Match::none) return false;
  }
  return true;
}

}  // namespace

Decider::Decider(const plan::Plan& plan, const passes::Inputs& inputs)
    : in_(inputs),
      card_(without_rules(plan.configuration)),
      steering_(inputs.nic, inputs.fields, card_),
      load_(plan.configuration.rx_queues, 0.0),
      flows_only_(plan.configuration.rx_queues, false) {
  for (const ir::Node* node : passes::receive_order(in_.nic)) {
    if (plan.configuration.rx_queues > 1 && node->config.table &&
        can_hold_flows(*node->config.table))
      tables_.push_back({node->id, node->config.table->capacity});
  }
  const ir::Node* rss = passes::rss_node(in_.nic);
  predictable_ = rss == nullptr || rss->config.rss->predictable;
  for (const plan::Residue& r : plan.residues)
    for (const unsigned q : r.queues) flows_only_[q] = r.queue_class == "flows";
  for (const plan::FlowEntry& f : plan.flows) note({.kind = Kind::add_flow, .flow = f});
  for (const plan::Filter& f : plan.configuration.filters)
    note({.kind = Kind::create_rule, .filter = f});
  for (const ir::Flow& f : inputs.workload.flows)
    set_rate({f.src, f.src_port, inputs.workload.local_address(f), f.dst_port}, f.rate);
}

// Those that get nothing else, where there are such.
bool Decider::fed_by_rules(unsigned queue) const {
  const bool some = std::find(flows_only_.begin(), flows_only_.end(), true) != flows_only_.end();
  return !some || flows_only_[queue];
}

unsigned Decider::least_loaded() const {
  unsigned best = 0;
  bool found = false;
  for (unsigned q = 0; q < load_.size(); ++q) {
    if (!fed_by_rules(q) || (found && load_[q] >= load_[best])) continue;
    best = q;
    found = true;
  }
  return best;
}

Place Decider::place(const FlowKey& key) const {
  for (const Table& table : tables_) {
    if (table.left != 0) return {table.name, least_loaded()};
  }
  const auto there = steering_.deliver(key);
  return {"", there ? there->queue : least_loaded()};
}

plan::Filter Decider::rule(const FlowKey& key, const Place& place, unsigned endpoint) {
  const ir::FilterTable& table =
      *in_.nic.receive.node(*in_.nic.receive.find(place.table)).config.table;
  plan::Filter out;
  out.id = fmt::format("f{}", next_id_);
  out.table = place.table;
  out.queue = place.queue;
  out.match = {{"ipv4.src", {key.src, 0xffffffff}},
               {"ipv4.dst", {key.dst, 0xffffffff}},
               {"udp.src_port", {key.src_port, 0xffff}},
               {"udp.dst_port", {key.dst_port, 0xffff}}};
  if (table.fields.contains("ipv4.protocol")) out.match["ipv4.protocol"] = {17, 0xff};
  if (table.priority) out.priority = table.priority->first;
  const bool can_mark =
      std::find(table.actions.begin(), table.actions.end(), "mark") != table.actions.end();
  if (table.mark_required || (table.mark_reported && can_mark)) out.mark = endpoint + 1;
  return out;
}

void Decider::note(const Operation& o) {
  switch (o.kind) {
    case Kind::add_flow: {
      KnownFlow& known = flows_[key_of(o.flow)];
      known.entry = o.flow;
      load_[o.flow.queue] += known.rate;
      return;
    }
    case Kind::remove_flow: {
      const auto at = flows_.find(key_of(o.flow));
      load_[o.flow.queue] -= at->second.rate;
      flows_.erase(at);
      return;
    }
    case Kind::move_flow: {
      KnownFlow& known = flows_[key_of(o.flow)];
      load_[known.entry.queue] -= known.rate;
      known.entry.queue = o.queue;
      load_[known.entry.queue] += known.rate;
      return;
    }
    case Kind::create_rule:
    case Kind::destroy_rule: {
      const bool more = o.kind == Kind::create_rule;
      for (Table& t : tables_)
        if (t.name == o.filter.table) t.left -= more ? 1 : -1;
      std::uint64_t number = 0;
      const std::string& id = o.filter.id;
      if (id.size() > 1 && id[0] == 'f' &&
          std::from_chars(id.data() + 1, id.data() + id.size(), number).ec == std::errc())
        next_id_ = std::max(next_id_, number + 1);
      const auto key = passes::key_of(o.filter);
      const auto at = key ? flows_.find(*key) : flows_.end();
      if (at == flows_.end()) return;
      if (more) {
        at->second.rules.push_back(o.filter);
      } else {
        std::erase_if(at->second.rules, [&](const plan::Filter& f) {
          return plan::rule_key(f) == plan::rule_key(o.filter);
        });
      }
      return;
    }
    case Kind::set_table:
      for (const auto& [index, queue] : o.entries) card_.rss.table[index] = queue;
      return;
    case Kind::set_residue: flows_only_[o.queue] = o.residue->queue_class == "flows"; return;
    default: return;
  }
}

void Decider::set_rate(const FlowKey& key, double rate) {
  const auto at = flows_.find(key);
  if (at == flows_.end()) return;
  load_[at->second.entry.queue] += rate - at->second.rate;
  at->second.rate = rate;
}

const KnownFlow* Decider::find(const FlowKey& key) const {
  const auto at = flows_.find(key);
  return at == flows_.end() ? nullptr : &at->second;
}

std::optional<std::pair<FlowKey, unsigned>> Decider::best_move(double least) const {
  unsigned busiest = 0, idlest = least_loaded();
  bool found = false;
  for (unsigned q = 0; q < load_.size(); ++q) {
    if (!fed_by_rules(q) || (found && load_[q] <= load_[busiest])) continue;
    busiest = q;
    found = true;
  }
  const double gap = load_[busiest] - load_[idlest];
  const KnownFlow* best = nullptr;
  double left = load_[busiest] * (1 - least);  // of the busier of the two, behind the move
  for (const auto& [key, known] : flows_) {
    // Those that RSS brings stay where it does.
    if (known.entry.queue != busiest || (known.rules.empty() && predictable_) || known.rate >= gap)
      continue;
    const double then = std::max(load_[busiest] - known.rate, load_[idlest] + known.rate);
    // (Of equals the smallest key, so that the same counters give the same move.)
    if (then > left || (then == left && best != nullptr && key_of(best->entry) < key)) continue;
    left = then;
    best = &known;
  }
  if (best == nullptr) return std::nullopt;
  return std::pair{key_of(best->entry), idlest};
}

}  // namespace weft::planner
