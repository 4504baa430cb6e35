// What the hash does with all that no rule matches.
#include "compiler/passes/chooser.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "compiler/passes/choose_key.h"
#include "compiler/passes/refusal.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

using diag::Result;

bool Chooser::hashed(unsigned flow) const {
  return table_of_[flow] == none && !classes_.all[class_of_[flow]].covered;
}

// Types, key and table. Flows with rules are spread over what the hash is expected to leave.
Result<void> Chooser::hash() {
  Hashing hashing{.queues = out_.rx_queues, .open = out_.open, .flows = {}, .other = strange()};
  for (unsigned f = 0; f < workload_.flows.size(); ++f) {
    if (hashed(f)) hashing.flows.push_back({f, classes_.weight[f], wish_of_flow(f)});
  }
  hashing.elsewhere.assign(out_.rx_queues, 0.0);
  std::vector<double> expected(out_.rx_queues, 0.0);
  const double each = load_by_hash() / static_cast<double>(out_.open.size());
  for (const unsigned q : out_.open) expected[q] = each;
  for (unsigned z = 0; z < classes_.zones.size(); ++z) {
    const ZoneSpread found = spread_zone(z, expected);
    for (std::size_t i = 0; i < found.items.size(); ++i)
      hashing.elsewhere[queues_[z][found.balanced.bin[i]]] += found.items[i].weight;
  }
  for (unsigned q = 0; q < out_.rx_queues; ++q) hashing.elsewhere[q] += by_groups(q);
  if (settled_ != nullptr) {
    out_.rss = settled_->rss;
  } else {
    auto rss = choose_key(inputs_, hashing);
    if (!rss) return diag::fail(rss.error());
    out_.rss = std::move(*rss);
  }
  for (std::size_t i = 0; turn_ != 0 && i < out_.rss.table.size(); ++i)
    out_.rss.table[i] = static_cast<std::uint16_t>(i % turn_);
  by_entry_ = !out_.rss.table.empty();
  if (!by_entry_) return {};
  entry_weight_.assign(out_.rss.table.size(),
                       strange() / static_cast<double>(out_.rss.table.size()));
  plan::Configuration config;
  config.rx_queues = out_.rx_queues;
  config.rss = out_.rss;
  const Steering card(inputs_.nic, inputs_.fields, config);
  entry_of_.assign(workload_.flows.size(), 0);
  for (const HashedFlow& h : hashing.flows) {
    const ir::Flow& f = workload_.flows[h.flow];
    const auto entry = card.entry({f.src, f.src_port, workload_.local_address(f), f.dst_port});
    entry_of_[h.flow] = entry.value_or(0);
    entry_weight_[entry.value_or(0)] += h.weight;
  }
  return {};
}

// Wishes without a rule, where the key alone does not keep them: the entry leads there. (A wish
// of the workload is kept or refused; for the policy `static` the key has done what it could.)
Chooser::Refusal Chooser::wishes_by_hash() {
  std::map<unsigned, unsigned> first;  // entry -> flow that insists
  for (unsigned f = 0; f < workload_.flows.size(); ++f) {
    const FlowClass& c = classes_.all[class_of_[f]];
    if (!hashed(f) || !c.pin) continue;
    const auto good = [&](unsigned q) { return q >= c.pin->first && q <= c.pin->last; };
    if (!by_entry_)
      return refuse_pin(c.span, fmt::format("nothing brings {} to queue {}", c.name, c.pin->first),
                        {}, "a card with rules, or one whose table can be set");
    auto& entry = out_.rss.table[entry_of_[f]];
    const auto [other, fresh] = first.try_emplace(entry_of_[f], f);
    if (good(entry)) continue;
    const bool free = fresh && workload_.spread.ports().size() < 2 &&
                      std::binary_search(out_.open.begin(), out_.open.end(), c.pin->first);
    if (!free)
      return refuse_pin(
          workload_.flows[f].span,
          fmt::format("the hash brings it to queue {}, and {} is wanted", entry, c.pin->first),
          {{"a flow with the same entry of the table", workload_.flows[other->second].span}},
          "give both one queue, or take a card with rules");
    entry = static_cast<std::uint16_t>(c.pin->first);
  }
  return std::nullopt;
}

std::optional<unsigned> Chooser::wish_of_flow(unsigned f) const {
  return wish_of(classes_.all[class_of_[f]]);
}

// What no rule catches, cycles per second.
double Chooser::load_by_hash() const {
  double sum = strange();
  for (unsigned f = 0; f < workload_.flows.size(); ++f) sum += hashed(f) ? classes_.weight[f] : 0;
  return sum;
}

// The queue that a class of everybody's wants, if it wants one.
std::optional<unsigned> Chooser::wish_of(const FlowClass& c) const {
  if (c.pin) return c.pin->first;
  if (workload_.policy != ir::Policy::fixed || c.zone != 0) return std::nullopt;
  return queues_[0][c.endpoint % queues_[0].size()];
}

double Chooser::strange() const {
  double sum = 0;
  for (const FlowClass& c : classes_.all) {
    if (c.many() && !c.apart() && !c.must()) sum += c.load();
  }
  return sum;
}

}  // namespace weft::passes
