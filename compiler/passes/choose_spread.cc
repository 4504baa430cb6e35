// Flows with rules over the queues of their zone.
#include "compiler/passes/chooser.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace weft::passes {

using diag::Result;

namespace {

using Bins = std::vector<unsigned>;  // sorted

// Whatever is done: the fullest of some bins has its share of what may go to no others.
double pinned_bound(const std::vector<BalanceItem>& items) {
  std::map<const Bins*, double> of;
  for (const BalanceItem& item : items)
    if (item.bins != nullptr) of[item.bins] += item.weight;
  double bound = 0;
  for (const auto& [bins, weight] : of) {
    double sum = 0;
    for (const auto& [inner, more] : of)
      if (std::includes(bins->begin(), bins->end(), inner->begin(), inner->end())) sum += more;
    bound = std::max(bound, sum / static_cast<double>(bins->size()));
  }
  return bound;
}

}  // namespace

void Chooser::spread() {
  queue_of_.assign(workload_.flows.size(), 0);
  socket_queue_.assign(out_.sockets.size(), 0);
  std::vector<double> by_hash(out_.rx_queues, 0.0);
  for (std::size_t e = 0; e < entry_weight_.size(); ++e)
    by_hash[out_.rss.table[e]] += entry_weight_[e];
  if (entry_weight_.empty()) {
    for (const unsigned q : out_.open)
      by_hash[q] = strange() / static_cast<double>(out_.open.size());
  }
  for (unsigned q = 0; q < surcharge_.size(); ++q) by_hash[q] *= 1 + surcharge_[q] / cheapest_;
  for (unsigned z = 0; z < classes_.zones.size(); ++z) {
    const auto& queues = queues_[z];
    const ZoneSpread found = spread_zone(z, by_hash);
    for (std::size_t i = 0; i < found.items.size(); ++i) {
      const unsigned queue = queues[found.balanced.bin[i]];
      if (found.flow[i] != none) queue_of_[found.flow[i]] = queue;
      if (found.socket[i] != none) socket_queue_[found.socket[i]] = queue;
    }
    plan::Gap& gap = out_.chosen.queues;
    gap.busiest = std::max(gap.busiest, found.balanced.busiest);
    gap.bound = std::max({gap.bound, bounds_[z].of(static_cast<unsigned>(queues.size())),
                          pinned_bound(found.items)});
    if (z == 0) gap.bound = std::max(gap.bound, hash_bound_);
    // Where all is free, what was tried counts; else the hash might do other things.
    const bool free = queues_.size() == 1 && load_by_hash() == 0;
    if (free) gap.bound = std::max(gap.bound, found.balanced.bound);
  }
}

// What rules that name several queues bring to this one.
double Chooser::by_groups(unsigned queue) const {
  double sum = 0;
  for (std::size_t s = 0; s < out_.sockets.size(); ++s) {
    const auto& group = out_.sockets[s].group;
    if (std::find(group.begin(), group.end(), queue) != group.end())
      sum += socket_weight_[s] / static_cast<double>(group.size());
  }
  return sum;
}

// Flows with rules, and whose owner is free, over a zone's queues; bins are places in queues_[z].
// `by_hash`: what else each queue receives.
Chooser::ZoneSpread Chooser::spread_zone(unsigned z, const std::vector<double>& by_hash) const {
  const auto& queues = queues_[z];
  ZoneSpread out;
  const auto only = [&](const std::vector<unsigned>& wanted) {
    auto [it, fresh] = out.sets.try_emplace(wanted);
    for (const unsigned q : wanted) {
      if (fresh)
        it->second.push_back(static_cast<unsigned>(
            std::lower_bound(queues.begin(), queues.end(), q) - queues.begin()));
    }
    return &it->second;
  };
  const auto bins_of = [&](const FlowClass& c) -> const std::vector<unsigned>* {
    if (!c.pin) {
      const auto wish = wish_of(c);
      return wish ? only({*wish}) : nullptr;
    }
    std::vector<unsigned> wanted(c.pin->last - c.pin->first + 1);
    std::iota(wanted.begin(), wanted.end(), c.pin->first);
    return only(wanted);
  };
  const auto add = [&](const FlowClass& c, double weight, unsigned flow, unsigned socket) {
    const double rate = flow == none ? 0 : workload_.flows[flow].rate;
    out.items.push_back({weight, bins_of(c), rate});
    out.flow.push_back(flow);
    out.socket.push_back(socket);
  };
  for (unsigned f = 0; f < workload_.flows.size(); ++f) {
    const FlowClass& c = classes_.all[class_of_[f]];
    const bool owner_is_free = hashed(f) && !table_is_ours();
    if (c.zone == z && (table_of_[f] != none || owner_is_free)) add(c, classes_.weight[f], f, none);
  }
  for (unsigned s = 0; s < out_.sockets.size(); ++s) {
    const FlowClass& c = classes_.all[socket_class_[s]];
    if (c.zone == z && !c.grouped) add(c, socket_weight_[s], none, s);
  }
  std::vector<double> before, surcharge;
  for (const unsigned q : queues) {
    before.push_back(by_hash[q] + by_groups(q));
    if (!surcharge_.empty()) surcharge.push_back(surcharge_[q]);
  }
  out.balanced = balance_in_groups(out.items, before, surcharge, out_.cores);
  return out;
}

}  // namespace weft::passes
