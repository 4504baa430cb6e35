#include "compiler/passes/choose_delta.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/ir/filter_shape.h"
#include "compiler/ir/rule_order.h"
#include "compiler/passes/classes.h"
#include "compiler/passes/cycles.h"
#include "compiler/passes/filter_plan.h"
#include "compiler/passes/tables.h"
#include "compiler/plan/operation.h"
#include "compiler/plan/places.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"

namespace weft::passes {

namespace {

FlowKey key_of(const ir::Workload& workload, const ir::Flow& f) {
  return {f.src, f.src_port, workload.local_address(f), f.dst_port};
}

// Rules for flows could not stand beside one of those that the table has: it has another mask.
bool mask_is_taken(const plan::Plan& plan, const ir::Node& node, const ir::FieldTable& fields) {
  const ir::FilterTable& table = *node.config.table;
  if (table.same_mask_per.empty()) return false;
  const auto own = ir::mask_group(table, *ir::shape_for(table, shape_of_flow(), fields), fields);
  return std::any_of(plan.configuration.filters.begin(), plan.configuration.filters.end(),
                     [&](const plan::Filter& f) {
                       if (f.table != node.id || passes::key_of(f)) return false;
                       const auto there = ir::mask_group(table, plan::shape_of(f), fields);
                       return there.group == own.group && there.mask != own.mask;
                     });
}

// The plan without its rules for single flows: what a flow meets that has no rule of its own.
plan::Configuration without_flow_rules(const plan::Plan& plan) {
  plan::Configuration out = plan.configuration;
  std::erase_if(out.filters, [](const plan::Filter& f) { return passes::key_of(f).has_value(); });
  return out;
}

}  // namespace

ChoiceState::ChoiceState(const Inputs& inputs, const plan::Plan& plan)
    : inputs_(inputs),
      rest_(without_flow_rules(plan)),
      cost_(packet_cost(inputs, plan.configuration.knobs)),
      load_(plan.configuration.rx_queues, 0.0) {
  card_.emplace(inputs_.nic, inputs_.fields, rest_);
  for (const auto& z : plan.chosen.zones) zones_.push_back({z.name, z.queues});
  const ir::Node* rss = rss_node(inputs.nic);
  owner_is_free_ = rss != nullptr && !rss->config.rss->predictable;
  prices(plan);
  if (load_.size() > 1) tables(plan);
  strangers(plan);
  std::unordered_map<FlowKey, const ir::Flow*, FlowKeyHash> wanted;
  wanted.reserve(inputs_.workload.flows.size());
  for (const ir::Flow& f : inputs_.workload.flows) wanted[key_of(inputs_.workload, f)] = &f;
  flows_.reserve(plan.flows.size() * 2);
  for (const plan::FlowEntry& f : plan.flows) {
    ir::Flow flow = flow_of(f, inputs_.workload.endpoints);
    const auto it = wanted.find(passes::key_of(f));
    if (it != wanted.end()) {
      flow.rate = it->second->rate;
      if (it->second->queue) flow.queue = it->second->queue;
    }
    put(flow, f.queue);
  }
  for (const plan::Filter& f : plan.configuration.filters) count(f, true);
}

// Would a flow's rule in this table be in front of the one that `other` tells of?
bool ChoiceState::before(const std::string& table, const Delivery& other) const {
  for (const ir::Node* node : receive_order(inputs_.nic)) {
    if (node->id != table && node->id != other.table) continue;
    if (table != other.table) return node->id == table;
    const ir::FilterTable& both = *node->config.table;
    return ir::level_for(both, ir::Breadth::flow, false) > other.level;
  }
  return false;
}

// What the same load costs on one queue and on another: some need not classify.
void ChoiceState::prices(const plan::Plan& plan) {
  price_.assign(load_.size(), 1.0);
  if (plan.residues.size() < 2) return;
  double rate = 0, extra = 0;  // what applications take is the same everywhere
  for (const ir::Flow& f : inputs_.workload.flows) {
    rate += f.rate;
    extra += f.rate * extra_of(inputs_.workload.endpoints[f.endpoint], cost_);
  }
  if (rate > 0) extra /= rate;
  double least = 0;
  for (const plan::Residue& r : plan.residues) {
    const double cycles = cycles_of(r.graph, inputs_.costs) + extra;
    for (const unsigned q : r.queues) price_[q] = cycles;
    least = least == 0 ? cycles : std::min(least, cycles);
  }
  for (double& p : price_) p = least > 0 ? p / least : 1;
}

void ChoiceState::tables(const plan::Plan& plan) {
  for (const ir::Node* node : receive_order(inputs_.nic)) {
    if (!node->config.table ||
        !ir::shape_for(*node->config.table, shape_of_flow(), inputs_.fields) ||
        mask_is_taken(plan, *node, inputs_.fields))
      continue;
    names_.push_back(node->id);
    room_.push_back(node->config.table->capacity);
  }
}

// What no flow is: rules for ports bring their part of it; else the plan's indirection table
// spreads it.
void ChoiceState::strangers(const plan::Plan& plan) {
  const auto& table = plan.configuration.rss.table;
  const auto by_hash = [&](double weight) {
    for (const auto q : table) load_[q] += weight / static_cast<double>(table.size());
    if (table.empty()) load_[0] += weight;
  };
  const auto by_rule = [&](const plan::Filter& rule, double weight) {
    const std::vector<unsigned> queues = plan::queues_of(rule);
    for (const unsigned q : queues) load_[q] += weight / static_cast<double>(queues.size());
  };
  const ir::Workload& w = inputs_.workload;
  std::vector<double> rest;
  for (const ir::Endpoint& e : w.endpoints)
    rest.push_back(e.vacant() ? 0 : weight_of(e, e.rate, cost_));
  const std::vector<double> whole = rest;
  for (const plan::Filter& rule : rest_.filters) {
    const auto place = plan::endpoint_of(rule, plan);
    if (!place || *place >= whole.size() || whole[*place] == 0) continue;
    const ir::Endpoint& e = w.endpoints[*place];
    const double sockets = double{1} * e.ports * e.addresses;
    const double part = std::min(rest[*place], whole[*place] * plan::sockets_of(rule) / sockets);
    by_rule(rule, part);
    rest[*place] -= part;
  }
  const plan::Filter* of_type[2] = {};  // for all of UDP, of TCP
  for (const plan::Filter& rule : rest_.filters)
    if (plan::about_whole_type(rule)) of_type[plan::about_segments(rule)] = &rule;
  for (std::size_t e = 0; e < rest.size(); ++e) {
    const plan::Filter* rule = of_type[w.endpoints[e].tcp];
    rule == nullptr ? by_hash(rest[e]) : by_rule(*rule, rest[e]);
  }
  for (const ir::FlowSet& s : w.sets) {
    const ir::Endpoint& e = w.endpoints[s.endpoint];
    const double weight = weight_of(e, s.rate, cost_);
    const FlowKey one{s.src, s.src_port, w.local_address(s), s.dst_port, e.tcp};
    const plan::Filter* rule = card_->rule_of(one);
    rule == nullptr ? by_hash(weight) : by_rule(*rule, weight);
  }
}

void ChoiceState::put(const ir::Flow& flow, unsigned queue) {
  const double weight = weight_of_flow(flow.endpoint, flow.rate);
  const bool pinned = flow.queue || inputs_.workload.endpoints[flow.endpoint].queues;
  flows_[key_of(inputs_.workload, flow)] = {{-1, queue}, weight, flow.endpoint, pinned};
  load_[queue] += weight;
}

void ChoiceState::rule(const plan::Filter& filter, bool there) {
  count(filter, there);
  if (passes::key_of(filter) || plan::about_segments(filter)) return;  // (Flows are of UDP.)
  std::erase_if(rest_.filters,
                [&](const plan::Filter& f) { return plan::rule_key(f) == plan::rule_key(filter); });
  if (there) rest_.filters.push_back(filter);
  card_.emplace(inputs_.nic, inputs_.fields, rest_);
}

void ChoiceState::count(const plan::Filter& filter, bool there) {
  const auto name = std::find(names_.begin(), names_.end(), filter.table);
  if (name == names_.end()) return;
  const auto table = static_cast<int>(name - names_.begin());
  room_[static_cast<std::size_t>(table)] += there ? -1 : 1;
  const auto key = passes::key_of(filter);
  const auto at = key ? flows_.find(*key) : flows_.end();
  if (at != flows_.end()) at->second.place.table = there ? table : -1;
}

void ChoiceState::move(const FlowKey& key, unsigned queue) {
  Known& known = flows_.at(key);
  load_[known.place.queue] -= known.weight;
  known.place.queue = queue;
  load_[queue] += known.weight;
}

void ChoiceState::set_rate(const FlowKey& key, double rate) {
  Known& known = flows_.at(key);
  const double weight = weight_of_flow(known.endpoint, rate);
  load_[known.place.queue] += weight - known.weight;
  known.weight = weight;
}

void ChoiceState::set_pinned(const FlowKey& key, bool pinned) {
  Known& known = flows_.at(key);
  known.pinned = pinned || inputs_.workload.endpoints[known.endpoint].queues;
}

unsigned ChoiceState::zone_of(const ir::Flow& flow) const {
  const ir::Workload& w = inputs_.workload;
  const std::string name = zone_name(w, w.endpoints[flow.endpoint], flow.gold);
  return static_cast<unsigned>(
      std::find_if(zones_.begin(), zones_.end(), [&](const Zone& z) { return z.name == name; }) -
      zones_.begin());  // or none
}

double ChoiceState::weight_of_flow(unsigned endpoint, double rate) const {
  return weight_of(inputs_.workload.endpoints[endpoint], rate, cost_);
}

unsigned ChoiceState::emptiest(const std::vector<unsigned>& queues) const {
  return *std::min_element(queues.begin(), queues.end(),
                           [this](unsigned a, unsigned b) { return load(a) < load(b); });
}

std::optional<ChoiceState::Place> ChoiceState::place_in(const ir::Flow& flow, const FlowKey& key,
                                                        unsigned zone) const {
  const ir::Endpoint& endpoint = inputs_.workload.endpoints[flow.endpoint];
  std::optional<ir::QueueRange> pin = endpoint.queues;
  if (flow.queue) pin = {*flow.queue, *flow.queue};
  const auto good = [&](unsigned queue) {
    const auto& queues = zones_[zone].queues;
    return (!pin || (queue >= pin->first && queue <= pin->last)) &&
           std::binary_search(queues.begin(), queues.end(), queue);
  };
  // A rule for the endpoint as a whole, which one for the flow could not stand beside; or the hash.
  const auto without = card_->deliver(key);
  if (without && !without->table.empty() && good(without->queue)) return Place{-1, without->queue};
  std::vector<unsigned> wanted;
  for (const unsigned q : pin ? zones_[zone].queues : std::vector<unsigned>()) {
    if (good(q)) wanted.push_back(q);
  }
  const std::vector<unsigned>& free = pin ? wanted : zones_[zone].queues;
  if (free.empty()) return std::nullopt;
  for (std::size_t t = 0; t < names_.size(); ++t) {
    if (without && !without->table.empty() && !before(names_[t], *without))
      break;  // the other rule would win, or might
    if (room_[t] == 0) continue;
    return Place{static_cast<int>(t), emptiest(free)};
  }
  if (!without && zone == 0) return Place{-1, emptiest(free)};
  if (without && good(without->queue)) return Place{-1, without->queue};
  return std::nullopt;
}

std::optional<ChoiceState::Place> ChoiceState::place(const ir::Flow& flow) const {
  const unsigned zone = zone_of(flow);
  if (zone >= zones_.size()) return std::nullopt;
  return place_in(flow, key_of(inputs_.workload, flow), zone);
}

std::vector<unsigned> ChoiceState::may_arrive(const ir::Flow& flow) const {
  const unsigned zone = zone_of(flow);
  if (zone >= zones_.size()) return {};
  std::optional<ir::QueueRange> pin = inputs_.workload.endpoints[flow.endpoint].queues;
  if (flow.queue) pin = {*flow.queue, *flow.queue};
  std::vector<unsigned> out = zones_[zone].queues;
  if (pin) std::erase_if(out, [&](unsigned q) { return q < pin->first || q > pin->last; });
  return out;
}

std::string ChoiceState::why_not(const ir::Flow& flow) const {
  if (flows_.contains(key_of(inputs_.workload, flow))) return "the flow is there already";
  const unsigned zone = zone_of(flow);
  if (zone >= zones_.size()) return "the plan has no queues of its own for it";
  const auto without = card_->deliver(key_of(inputs_.workload, flow));
  if (without && !without->table.empty() &&
      std::none_of(names_.begin(), names_.end(),
                   [&](const std::string& name) { return before(name, *without); }))
    return fmt::format("a rule of {} brings it to queue {}, and none can stand in front of that",
                       without->table, without->queue);
  return fmt::format("no table has room for its rule, and it belongs to the queues of {}",
                     zones_[zone].name);
}

std::optional<ChoiceState::Place> ChoiceState::add(const ir::Flow& flow) {
  const FlowKey key = key_of(inputs_.workload, flow);
  if (flows_.contains(key)) return std::nullopt;
  const auto out = place(flow);
  if (!out) return std::nullopt;
  put(flow, out->queue);
  flows_.at(key).place = *out;
  if (out->table >= 0) --room_[static_cast<std::size_t>(out->table)];
  return out;
}

std::optional<ChoiceState::Place> ChoiceState::remove(const FlowKey& key) {
  const auto it = flows_.find(key);
  if (it == flows_.end()) return std::nullopt;
  const Place out = it->second.place;
  load_[out.queue] -= it->second.weight;
  if (out.table >= 0) ++room_[static_cast<std::size_t>(out.table)];
  flows_.erase(it);
  return out;
}

std::vector<ChoiceState::Move> ChoiceState::moves(unsigned most) {
  std::vector<Move> out;
  // By queue, what may move; sorted, so that the same flows give the same moves.
  std::vector<std::vector<std::pair<double, FlowKey>>> held(load_.size());
  for (const auto& [key, known] : flows_) {
    if ((known.place.table >= 0 || owner_is_free_) && !known.pinned && known.weight > 0)
      held[known.place.queue].emplace_back(known.weight, key);
  }
  for (auto& list : held) std::sort(list.begin(), list.end());
  std::vector<bool> done(zones_.size(), false);
  while (out.size() < most) {
    std::size_t worst = zones_.size();
    double gap = 0;
    for (std::size_t z = 0; z < zones_.size(); ++z) {
      if (done[z]) continue;
      const auto [low, high] =
          std::minmax_element(zones_[z].queues.begin(), zones_[z].queues.end(),
                              [this](unsigned a, unsigned b) { return load(a) < load(b); });
      if (load(*high) - load(*low) <= gap) continue;
      gap = load(*high) - load(*low);
      worst = z;
    }
    if (worst == zones_.size()) return out;
    const auto& queues = zones_[worst].queues;
    const unsigned to = emptiest(queues);
    const unsigned from = *std::max_element(
        queues.begin(), queues.end(), [this](unsigned a, unsigned b) { return load(a) < load(b); });
    // The heaviest that leaves the other queue no fuller than this one was: about half the gap.
    auto& list = held[from];
    const double even = gap / (price_[from] + price_[to]);
    const auto half = std::lower_bound(list.begin(), list.end(), std::pair(even, FlowKey{}));
    auto pick = half;
    if (pick == list.end() || pick->first * price_[to] >= gap)
      pick = half == list.begin() ? list.end() : half - 1;
    if (pick == list.end()) {
      done[worst] = true;
      continue;
    }
    const auto [weight, key] = *pick;
    list.erase(pick);
    const Place before = flows_.at(key).place;
    move(key, to);
    held[to].insert(std::lower_bound(held[to].begin(), held[to].end(), std::pair(weight, key)),
                    {weight, key});
    out.push_back({key, before, flows_.at(key).place});
  }
  return out;
}

double ChoiceState::imbalance() const {
  double worst = 0;
  for (const Zone& z : zones_) {
    double sum = 0, most = 0;
    for (const unsigned q : z.queues) {
      sum += load(q);
      most = std::max(most, load(q));
    }
    if (sum > 0) worst = std::max(worst, most * static_cast<double>(z.queues.size()) / sum - 1);
  }
  return worst;
}

}  // namespace weft::passes
