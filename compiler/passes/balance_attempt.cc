#include "compiler/passes/balance_attempt.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <queue>
#include <utility>

namespace weft::passes {

namespace {

constexpr unsigned most_repairs = 400;  // moves and swaps

using Filled = std::pair<double, unsigned>;  // a bin's load, and the bin

}  // namespace

Order descending(const std::vector<double>& weights, std::span<const BalanceItem> items) {
  std::vector<Weighed> bound, free;
  free.reserve(items.size());
  for (unsigned i = 0; i < items.size(); ++i)
    (items[i].bins != nullptr ? bound : free).push_back({weights[i], i});
  return {heaviest_first(std::move(bound)), heaviest_first(std::move(free))};
}

Attempt::Attempt(std::span<const BalanceItem> items, const std::vector<double>& before,
                 const std::vector<double>& surcharge, const std::vector<double>& slower)
    : items_(items),
      surcharge_(surcharge),
      slower_(slower),
      bin_(items.size(), 0),
      load_(before),
      held_(before.size()),
      all_(before.size()) {
  std::iota(all_.begin(), all_.end(), 0u);
}

void Attempt::fill(const Order& order) {
  for (const unsigned i : order.bound) put(i, emptiest_of(*items_[i].bins, i));
  if (!surcharge_.empty() || !slower_.empty()) {
    for (const unsigned i : order.free) put(i, emptiest_of(all_, i));
    return;
  }
  // (Where an item weighs the same everywhere, the emptiest is on top of a heap.)
  std::priority_queue<Filled, std::vector<Filled>, std::greater<>> bins;
  for (const unsigned b : all_) bins.emplace(load_[b], b);
  for (const unsigned i : order.free) {
    const unsigned b = bins.top().second;
    bins.pop();
    put(i, b);
    bins.emplace(load_[b], b);
  }
}

void Attempt::repair(double good_enough, double gain) {
  std::vector<Weighed> all;
  all.reserve(items_.size());
  for (unsigned i = 0; i < items_.size(); ++i) all.push_back({items_[i].weight, i});
  lightest_first(all);
  for (const Weighed& i : all) held_[bin_[i.item]].push_back(i);
  for (unsigned n = 0; n < most_repairs; ++n) {
    const unsigned full = fullest();
    if (load_[full] <= good_enough * (1 + same_load)) return;
    if (!relieve(full, gain)) return;
  }
}

double Attempt::busiest() const { return *std::max_element(load_.begin(), load_.end()); }

Balanced Attempt::take() {
  const double most = busiest();
  return {std::move(bin_), std::move(load_), most, 0};
}

unsigned Attempt::fullest() const {
  return static_cast<unsigned>(std::max_element(load_.begin(), load_.end()) - load_.begin());
}

unsigned Attempt::emptiest_of(const std::vector<unsigned>& bins, unsigned item) const {
  unsigned best = bins.front();
  for (const unsigned b : bins) {
    if (load_[b] + weight(item, b) < load_[best] + weight(item, best)) best = b;
  }
  return best;
}

double Attempt::weight(unsigned item, unsigned bin) const {
  return cost_in(items_[item], bin, surcharge_, slower_);
}

bool Attempt::may(unsigned item, unsigned bin) const {
  const auto* bins = items_[item].bins;
  return bins == nullptr || std::binary_search(bins->begin(), bins->end(), bin);
}

void Attempt::put(unsigned item, unsigned bin) {
  bin_[item] = bin;
  load_[bin] += weight(item, bin);
}

void Attempt::shift(unsigned item, unsigned to) {
  const unsigned from = bin_[item];
  const Weighed it{items_[item].weight, item};
  auto& old = held_[from];
  old.erase(std::lower_bound(old.begin(), old.end(), it, lighter));
  auto& fresh = held_[to];
  fresh.insert(std::lower_bound(fresh.begin(), fresh.end(), it, lighter), it);
  load_[from] -= weight(item, from);
  load_[to] += weight(item, to);
  bin_[item] = to;
}

// The best single move or swap out of the fullest bin: the fuller of the two bins that take part
// holds least afterwards.
bool Attempt::relieve(unsigned full, double gain) {
  double best = load_[full] * (1 - gain);
  std::optional<unsigned> out, back;
  unsigned to = full;
  for (unsigned other = 0; other < load_.size(); ++other) {
    if (other == full || load_[other] >= best) continue;
    const double ideal = (load_[full] - load_[other]) / 2;  // to be moved over, at the best
    const auto& there = held_[other];
    auto near = there.begin();  // both are sorted: what is wanted in return only grows
    for (const Weighed& held : held_[full]) {
      const double w = held.weight;
      const unsigned item = held.item;
      if (w <= 0 || !may(item, other)) continue;
      const auto consider = [&](std::optional<unsigned> in_return) {
        const double leaves = weight(item, full) - (in_return ? weight(*in_return, full) : 0);
        const double comes = weight(item, other) - (in_return ? weight(*in_return, other) : 0);
        const double after = std::max(load_[full] - leaves, load_[other] + comes);
        if (leaves <= 0 || after >= best) return;
        best = after;
        out = item;
        back = in_return;
        to = other;
      };
      consider(std::nullopt);
      if (w <= ideal) continue;
      // In return something of about w - ideal.
      while (near != there.end() && near->weight < w - ideal) ++near;
      if (near != there.end() && may(near->item, full)) consider(near->item);
      if (near != there.begin() && may(std::prev(near)->item, full))
        consider(std::prev(near)->item);
    }
  }
  if (!out) return false;
  shift(*out, to);
  if (back) shift(*back, full);
  return true;
}

}  // namespace weft::passes
