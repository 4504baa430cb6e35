#include "compiler/passes/balance.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace weft::passes {

namespace {

constexpr unsigned most_repairs = 400;    // moves and swaps of one attempt
constexpr std::size_t most_again = 2000;  // items beyond which one order is good enough,
constexpr double enough = 0.002;          // and a gap of this size
constexpr unsigned orders = 24;           // tried for fewer
constexpr double same = 1e-9;             // relative: no better than this is worth anything

struct Lighter {
  std::span<const BalanceItem> items;
  bool operator()(unsigned a, unsigned b) const {
    return items[a].weight != items[b].weight ? items[a].weight < items[b].weight : a < b;
  }
};

class Attempt {
 public:
  Attempt(std::span<const BalanceItem> items, const std::vector<double>& before)
      : items_(items),
        lighter_{items},
        bin_(items.size(), 0),
        load_(before),
        held_(before.size()) {}

  // Each item, in this order, into the emptiest bin that it may go to.
  void fill(const std::vector<unsigned>& order) {
    for (const unsigned i : order) {
      put(i, items_[i].bins == nullptr ? emptiest() : emptiest_of(*items_[i].bins));
    }
  }

  // Takes something from the fullest bin while that helps.
  void repair(double good_enough) {
    for (auto& list : held_) std::sort(list.begin(), list.end(), lighter_);
    for (unsigned n = 0; n < most_repairs; ++n) {
      const unsigned full = fullest();
      if (load_[full] <= good_enough * (1 + same)) return;
      if (!relieve(full)) return;
    }
  }

  double busiest() const { return *std::max_element(load_.begin(), load_.end()); }
  Balanced take() {
    const double most = busiest();
    return {std::move(bin_), std::move(load_), most};
  }

 private:
  unsigned emptiest() const {
    return static_cast<unsigned>(std::min_element(load_.begin(), load_.end()) - load_.begin());
  }
  unsigned fullest() const {
    return static_cast<unsigned>(std::max_element(load_.begin(), load_.end()) - load_.begin());
  }
  unsigned emptiest_of(const std::vector<unsigned>& bins) const {
    unsigned best = bins.front();
    for (const unsigned b : bins) {
      if (load_[b] < load_[best]) best = b;
    }
    return best;
  }
  bool may(unsigned item, unsigned bin) const {
    const auto* bins = items_[item].bins;
    return bins == nullptr || std::binary_search(bins->begin(), bins->end(), bin);
  }
  void put(unsigned item, unsigned bin) {
    bin_[item] = bin;
    load_[bin] += items_[item].weight;
    held_[bin].push_back(item);
  }
  void shift(unsigned item, unsigned to) {
    const unsigned from = bin_[item];
    auto& old = held_[from];
    old.erase(std::lower_bound(old.begin(), old.end(), item, lighter_));
    auto& fresh = held_[to];
    fresh.insert(std::lower_bound(fresh.begin(), fresh.end(), item, lighter_), item);
    load_[from] -= items_[item].weight;
    load_[to] += items_[item].weight;
    bin_[item] = to;
  }

  // The best single move or swap out of the fullest bin: the fuller of the two bins that take part
  // holds least afterwards.
  bool relieve(unsigned full) {
    double best = load_[full] * (1 - same);
    std::optional<unsigned> out, back;
    unsigned to = full;
    for (unsigned other = 0; other < load_.size(); ++other) {
      if (other == full || load_[other] >= best) continue;
      const double ideal = (load_[full] - load_[other]) / 2;  // to be moved over, at the best
      for (const unsigned item : held_[full]) {
        const double w = items_[item].weight;
        if (w <= 0 || !may(item, other)) continue;
        const auto consider = [&](double moved, std::optional<unsigned> in_return) {
          const double after = std::max(load_[full] - moved, load_[other] + moved);
          if (moved <= 0 || after >= best) return;
          best = after;
          out = item;
          back = in_return;
          to = other;
        };
        consider(w, std::nullopt);
        if (w <= ideal) continue;
        // In return something of about w - ideal.
        const auto& there = held_[other];
        const auto near = std::partition_point(
            there.begin(), there.end(), [&](unsigned i) { return items_[i].weight < w - ideal; });
        if (near != there.end() && may(*near, full)) consider(w - items_[*near].weight, *near);
        if (near != there.begin() && may(*std::prev(near), full))
          consider(w - items_[*std::prev(near)].weight, *std::prev(near));
      }
    }
    if (!out) return false;
    shift(*out, to);
    if (back) shift(*back, full);
    return true;
  }

  std::span<const BalanceItem> items_;
  Lighter lighter_;
  std::vector<unsigned> bin_;
  std::vector<double> load_;
  std::vector<std::vector<unsigned>> held_;  // by bin
};

// A fixed sequence for trying other orders (splitmix64).
struct Sequence {
  std::uint64_t state = 0x77656674;  // "weft"
  double next() {                    // 0 to 1
    std::uint64_t x = state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return static_cast<double>((x ^ (x >> 31)) >> 11) * 0x1p-53;
  }
};

// The heaviest first; before them those that may not go everywhere.
std::vector<unsigned> descending(const std::vector<double>& weights,
                                 std::span<const BalanceItem> items) {
  std::vector<unsigned> order(weights.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](unsigned a, unsigned b) {
    const bool free_a = items[a].bins == nullptr, free_b = items[b].bins == nullptr;
    if (free_a != free_b) return free_b;
    return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
  });
  return order;
}

}  // namespace

Balanced balance(std::span<const BalanceItem> items, const std::vector<double>& before) {
  std::vector<double> weights;
  weights.reserve(items.size());
  for (const BalanceItem& item : items) weights.push_back(item.weight);
  const double fluid = std::accumulate(before.begin(), before.end(), 0.0);
  const double bound =
      std::max(LowerBound(weights, fluid).of(static_cast<unsigned>(before.size())),
               before.empty() ? 0 : *std::max_element(before.begin(), before.end()));
  Attempt first(items, before);
  first.fill(descending(weights, items));
  const bool many = items.size() > most_again;
  first.repair(many ? bound * (1 + enough) : bound);
  Balanced best = first.take();
  if (many) return best;
  Sequence random;
  for (unsigned n = 0; n < orders && best.busiest > bound * (1 + same); ++n) {
    std::vector<double> shaken = weights;
    for (double& w : shaken) w *= 0.7 + 0.6 * random.next();
    Attempt again(items, before);
    again.fill(descending(shaken, items));
    again.repair(bound);
    if (again.busiest() < best.busiest * (1 - same)) best = again.take();
  }
  return best;
}

LowerBound::LowerBound(std::vector<double> weights, double fluid) {
  std::sort(weights.begin(), weights.end(), std::greater<>());
  sums_.reserve(weights.size() + 1);
  sums_.push_back(0);
  for (const double w : weights) sums_.push_back(sums_.back() + w);
  total_ = sums_.back() + fluid;
}

// Of the j * bins + 1 heaviest, some bin holds j + 1: at least as much as the lightest j + 1.
double LowerBound::of(unsigned bins) const {
  double out = total_ / bins;
  for (std::size_t j = 0; j * bins + 1 < sums_.size(); ++j) {
    const std::size_t heaviest = j * bins + 1;
    out = std::max(out, sums_[heaviest] - sums_[heaviest - j - 1]);
  }
  return out;
}

std::vector<unsigned> share_bins(std::span<const LowerBound> groups,
                                 std::span<const std::optional<unsigned>> fixed, unsigned bins) {
  std::vector<unsigned> out;
  unsigned used = 0;
  for (const auto& f : fixed) used += out.emplace_back(f.value_or(1));
  // More for whoever has most to do, as long as that helps; what is left is the first one's.
  while (used < bins) {
    std::size_t most = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (groups[g].of(out[g]) > groups[most].of(out[most])) most = g;
    }
    const double now = groups[most].of(out[most]);
    unsigned more = 1;  // some weights take a whole round more before the fullest has less
    while (used + more < bins && groups[most].of(out[most] + more) >= now) ++more;
    if (fixed[most] || groups[most].of(out[most] + more) >= now) break;
    out[most] += more;
    used += more;
  }
  if (!fixed[0]) out[0] += bins - used;
  return out;
}

}  // namespace weft::passes
