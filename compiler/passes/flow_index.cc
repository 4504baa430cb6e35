#include "compiler/passes/flow_index.h"
#include "compiler/passes/rule_terms.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/ir/rule_order.h"
#include "compiler/passes/flow_sources.h"
#include "compiler/passes/rule_overlap.h"
#include "compiler/passes/stand_in.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

namespace {

plan::Configuration without_rules(const plan::Configuration& config) {
  plan::Configuration out = config;
  out.filters.clear();
  return out;
}

}  // namespace

FlowIndex::FlowIndex(const plan::Plan& plan, const Inputs& inputs)
    : plan_(plan),
      in_(inputs),
      card_(without_rules(plan.configuration)),
      steering_(in_.nic, in_.fields, card_),
      host_(own_addresses(inputs.workload)) {
  for (const ir::Node* node : receive_order(in_.nic)) {
    if (node->config.rss) break;
    if (node->config.table) tables_in_order_.push_back(node);
  }
  const ir::Node* rss = rss_node(in_.nic);
  predictable_ = rss == nullptr || rss->config.rss->predictable || plan.configuration.rx_queues < 2;
  flows_.reserve(inputs.workload.flows.size());
  for (const auto& f : inputs.workload.flows)
    want({f.src, f.src_port, inputs.workload.local_address(f), f.dst_port}, f.endpoint);
  for (const auto& f : plan.flows) add_entry(f);
  for (const auto& f : plan.configuration.filters) add_rule(f);
}

void FlowIndex::want(const FlowKey& key, unsigned endpoint) {
  Known& known = flows_[key];
  if (!known.wanted && !source_answers(host_, key.src)) ++bad_sources_;
  known.wanted = endpoint;
}

void FlowIndex::forget(const FlowKey& key) {
  Known& known = flows_[key];
  if (known.wanted && !source_answers(host_, key.src)) --bad_sources_;
  known.wanted.reset();
  drop_if_unknown(key);
}

void FlowIndex::add_entry(const plan::FlowEntry& entry) {
  Known& known = flows_[key_of(entry)];
  known.endpoint = entry.endpoint;
  known.queue = entry.queue;
}

void FlowIndex::remove_entry(const FlowKey& key) {
  Known& known = flows_[key];
  known.endpoint.reset();
  known.queue.reset();
  drop_if_unknown(key);
}

void FlowIndex::move_entry(const FlowKey& key, unsigned queue) { flows_[key].queue = queue; }

void FlowIndex::drop_if_unknown(const FlowKey& key) {
  const auto at = flows_.find(key);
  if (at != flows_.end() && !at->second.wanted && !at->second.queue && at->second.rules.empty())
    flows_.erase(at);
}

void FlowIndex::add_rule(const plan::Filter& rule) {
  TableUse& use = tables_[rule.table];
  ++use.rules;
  use.listed += plain(rule) ? 0 : 1;
  use.marked += rule.mark != 0 ? 1 : 0;
  if (const auto* table = limits(rule.table); table != nullptr && !table->same_mask_per.empty()) {
    const ir::MaskGroup own = ir::mask_group(*table, plan::shape_of(rule), in_.fields);
    ++use.masks[own.group][own.mask];
  }
  const Rule added{next_age_++, rule};
  if (const auto key = passes::key_of(rule)) {
    flows_[*key].rules.push_back(added);
  } else {
    stood_in_for_ += stand_ins(rule);
    others_.push_back(added);
  }
}

void FlowIndex::remove_rule(const plan::Filter& rule) {
  TableUse& use = tables_[rule.table];
  --use.rules;
  use.listed -= plain(rule) ? 0 : 1;
  use.marked -= rule.mark != 0 ? 1 : 0;
  if (const auto* table = limits(rule.table); table != nullptr && !table->same_mask_per.empty()) {
    const ir::MaskGroup own = ir::mask_group(*table, plan::shape_of(rule), in_.fields);
    auto& masks = use.masks[own.group];
    if (--masks[own.mask] == 0) masks.erase(own.mask);
  }
  const auto same = [&](const Rule& r) {
    return r.filter.table == rule.table && r.filter.priority == rule.priority &&
           r.filter.match == rule.match;
  };
  if (const auto key = passes::key_of(rule)) {
    std::erase_if(flows_[*key].rules, same);
    drop_if_unknown(*key);
  } else {
    std::erase_if(others_, same);
    stood_in_for_ -= stand_ins(rule);
  }
}

std::optional<unsigned> FlowIndex::wanted(const FlowKey& key) const {
  const auto at = flows_.find(key);
  return at == flows_.end() ? std::nullopt : at->second.wanted;
}

// The foremost rule that hits in the first table that has one, else RSS.
std::optional<Delivery> FlowIndex::where(const FlowKey& key, const Known& known) const {
  for (const ir::Node* node : tables_in_order_) {
    const Rule* first = nullptr;
    unsigned level = 0;
    const auto look = [&](const Rule& r) {
      if (r.filter.table != node->id) return;
      const unsigned own = ir::level_of(*node->config.table, r.filter.priority);
      const bool front = first == nullptr || (own != level ? own > level : r.age < first->age);
      if (!front || !matches(*node->config.table, in_.fields, r.filter, key)) return;
      first = &r;
      level = own;
    };
    std::for_each(known.rules.begin(), known.rules.end(), look);
    std::for_each(others_.begin(), others_.end(), look);
    if (first == nullptr || !holds_for(node->config.table->applies, in_.fields, key)) continue;
    const std::uint32_t mark = node->config.table->mark_reported ? first->filter.mark : 0;
    const auto queue = steering_.queue_of(first->filter, key);
    return queue ? std::optional(Delivery{node->id, "", *queue, mark, level}) : std::nullopt;
  }
  return steering_.deliver(key);
}

const plan::Filter* FlowIndex::misordered_with(const plan::Filter& rule) const {
  const ir::FilterTable* table = limits(rule.table);
  if (table == nullptr) return nullptr;
  const auto among = [&](const auto& rules) -> const plan::Filter* {
    for (const Rule& r : rules)
      if (!stands_in(r.filter, rule) && misordered(*table, in_.fields, r.filter, rule))
        return &r.filter;
    return nullptr;
  };
  if (const plan::Filter* found = among(others_)) return found;
  if (const auto key = passes::key_of(rule)) {
    const auto at = flows_.find(*key);
    return at == flows_.end() ? nullptr : among(at->second.rules);
  }
  for (const auto& [key, known] : flows_)
    if (const plan::Filter* found = among(known.rules)) return found;
  return nullptr;
}

std::size_t FlowIndex::stand_ins(const plan::Filter& rule) const {
  return static_cast<std::size_t>(std::count_if(
      others_.begin(), others_.end(), [&](const Rule& r) { return stands_in(r.filter, rule); }));
}

const ir::FilterTable* FlowIndex::limits(const std::string& table) const {
  const auto v = in_.nic.receive.find(table);
  if (!v || !in_.nic.receive.node(*v).config.table) return nullptr;
  return &*in_.nic.receive.node(*v).config.table;
}

bool FlowIndex::plain(const plan::Filter& rule) const {
  const ir::FilterTable* table = limits(rule.table);
  return table != nullptr && is_plain_flow_rule(*table, rule, in_.fields);
}

bool FlowIndex::marks(const std::string& table) const {
  const ir::FilterTable* found = limits(table);
  return found != nullptr && found->mark_reported;
}

std::optional<Suspect> FlowIndex::look_at(const FlowKey& key, bool* only_elsewhere) const {
  if (only_elsewhere != nullptr) *only_elsewhere = false;
  const auto at = flows_.find(key);
  if (at == flows_.end()) return std::nullopt;
  const Known& known = at->second;
  const auto suspect = [&](std::string why) {
    return Suspect{.key = key,
                   .endpoint = known.wanted,
                   .owner = known.queue,
                   .plan_endpoint = known.endpoint,
                   .why = std::move(why)};
  };
  if (known.wanted && !known.queue)
    return suspect(fmt::format("flow {} is in no shard's table", flow_text(key)));
  if (!known.wanted && known.queue)
    return suspect(fmt::format("stale entry: the workload has no flow {}", flow_text(key)));
  if (known.wanted && *known.wanted != *known.endpoint)
    return suspect(fmt::format("the plan gives flow {} to the wrong endpoint", flow_text(key)));
  for (const Rule& r : known.rules) {
    if (!known.wanted)
      return suspect(
          fmt::format("stale rule {}: the workload has no flow {}", r.filter.id, flow_text(key)));
    if (*known.queue != r.filter.queue)
      return suspect(fmt::format("rule {} sends flow {} to queue {}", r.filter.id, flow_text(key),
                                 r.filter.queue));
    if (marks(r.filter.table) && r.filter.mark != *known.wanted + 1)
      return suspect(fmt::format("rule {} marks flow {} with {}, its endpoint is {}", r.filter.id,
                                 flow_text(key), r.filter.mark, *known.wanted));
  }
  if (!known.wanted) return std::nullopt;
  const auto there = where(key, known);
  if (!there || there->queue == *known.queue) return std::nullopt;
  if (only_elsewhere != nullptr) *only_elsewhere = there->table.empty() && known.rules.empty();
  return suspect(fmt::format("flow {} arrives on queue {}, its state is on queue {}",
                             flow_text(key), there->queue, *known.queue));
}

std::vector<FlowKey> FlowIndex::by_rss() const {
  std::vector<FlowKey> out;
  for (const auto& [key, known] : flows_) {
    if (known.rules.empty()) out.push_back(key);
  }
  return out;
}

std::vector<FlowKey> FlowIndex::all() const {
  std::vector<FlowKey> out;
  for (const auto& [key, known] : flows_) out.push_back(key);
  return out;
}

TableFacts FlowIndex::facts() const {
  TableFacts out;
  out.sources_answer = bad_sources_ == 0;
  out.flows_arrive = predictable_;
  // The type by which a plain datagram is hashed is the same for all flows.
  if (!flows_.empty()) {
    const auto there = steering_.deliver(flows_.begin()->first);
    if (there) out.rss_type = there->rss_type;
  }
  return out;
}

}  // namespace weft::passes
