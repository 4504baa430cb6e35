#include "compiler/passes/balance.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "compiler/passes/balance_exact.h"

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
  Attempt(std::span<const BalanceItem> items, const std::vector<double>& before,
          const std::vector<double>& surcharge, const std::vector<double>& slower)
      : items_(items),
        surcharge_(surcharge),
        slower_(slower),
        lighter_{items},
        bin_(items.size(), 0),
        load_(before),
        held_(before.size()),
        all_(before.size()) {
    std::iota(all_.begin(), all_.end(), 0u);
  }

  // Each item, in this order, into the emptiest bin that it may go to.
  void fill(const std::vector<unsigned>& order) {
    for (const unsigned i : order) {
      put(i, items_[i].bins != nullptr ? emptiest_of(*items_[i].bins, i)
             : alike()                 ? emptiest()
                                       : emptiest_of(all_, i));
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
    return {std::move(bin_), std::move(load_), most, 0};
  }

 private:
  unsigned emptiest() const {
    return static_cast<unsigned>(std::min_element(load_.begin(), load_.end()) - load_.begin());
  }
  unsigned fullest() const {
    return static_cast<unsigned>(std::max_element(load_.begin(), load_.end()) - load_.begin());
  }
  unsigned emptiest_of(const std::vector<unsigned>& bins, unsigned item) const {
    unsigned best = bins.front();
    for (const unsigned b : bins) {
      if (load_[b] + weight(item, b) < load_[best] + weight(item, best)) best = b;
    }
    return best;
  }
  double weight(unsigned item, unsigned bin) const {
    return cost_in(items_[item], bin, surcharge_, slower_);
  }
  bool alike() const { return surcharge_.empty() && slower_.empty(); }
  bool may(unsigned item, unsigned bin) const {
    const auto* bins = items_[item].bins;
    return bins == nullptr || std::binary_search(bins->begin(), bins->end(), bin);
  }
  void put(unsigned item, unsigned bin) {
    bin_[item] = bin;
    load_[bin] += weight(item, bin);
    held_[bin].push_back(item);
  }
  void shift(unsigned item, unsigned to) {
    const unsigned from = bin_[item];
    auto& old = held_[from];
    old.erase(std::lower_bound(old.begin(), old.end(), item, lighter_));
    auto& fresh = held_[to];
    fresh.insert(std::lower_bound(fresh.begin(), fresh.end(), item, lighter_), item);
    load_[from] -= weight(item, from);
    load_[to] += weight(item, to);
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
        const auto& there = held_[other];
        const auto near = std::partition_point(
            there.begin(), there.end(), [&](unsigned i) { return items_[i].weight < w - ideal; });
        if (near != there.end() && may(*near, full)) consider(*near);
        if (near != there.begin() && may(*std::prev(near), full)) consider(*std::prev(near));
      }
    }
    if (!out) return false;
    shift(*out, to);
    if (back) shift(*back, full);
    return true;
  }

  std::span<const BalanceItem> items_;
  const std::vector<double>& surcharge_;
  const std::vector<double>& slower_;
  Lighter lighter_;
  std::vector<unsigned> bin_;
  std::vector<double> load_;
  std::vector<std::vector<unsigned>> held_;  // by bin
  std::vector<unsigned> all_;                // bins
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

// What no assignment leaves the fullest bin below. Could items be divided at will, bins would be
// equally full, each with the less the more a packet costs there (for every item at least as much
// more as for the one that has the fewest packets for its weight), and the slower it is.
double bound_of(std::span<const BalanceItem> items, const std::vector<double>& before,
                const std::vector<double>& surcharge, const std::vector<double>& slower = {}) {
  const double quickest = slower.empty() ? 1 : *std::min_element(slower.begin(), slower.end());
  std::vector<double> weights;
  weights.reserve(items.size());
  double least = 1e300;  // packets for each unit of weight
  for (const BalanceItem& i : items) {
    weights.push_back(i.weight);
    if (i.weight > 0) least = std::min(least, i.rate / i.weight);
  }
  double out = before.empty() ? 0 : *std::max_element(before.begin(), before.end());
  if ((!surcharge.empty() || !slower.empty()) && least < 1e300) {
    double filled = std::accumulate(weights.begin(), weights.end(), 0.0), room = 0;
    for (std::size_t b = 0; b < before.size(); ++b) {
      const double dearer =
          (slower.empty() ? 1 : slower[b]) * (1 + (surcharge.empty() ? 0 : surcharge[b]) * least);
      filled += before[b] / dearer;
      room += 1 / dearer;
    }
    out = std::max(out, filled / room);
  }
  const double fluid = std::accumulate(before.begin(), before.end(), 0.0);
  for (double& w : weights) w *= quickest;
  return std::max(out,
                  LowerBound(std::move(weights), fluid).of(static_cast<unsigned>(before.size())));
}

}  // namespace

Balanced balance(std::span<const BalanceItem> items, const std::vector<double>& before,
                 const std::vector<double>& surcharge, const std::vector<double>& slower) {
  std::vector<double> weights;
  weights.reserve(items.size());
  for (const BalanceItem& item : items) weights.push_back(item.weight);
  const double bound = bound_of(items, before, surcharge, slower);
  Attempt first(items, before, surcharge, slower);
  first.fill(descending(weights, items));
  const bool many = items.size() > most_again;
  first.repair(many ? bound * (1 + enough) : bound);
  Balanced best = first.take();
  best.bound = bound;
  if (many) return best;
  Sequence random;
  for (unsigned n = 0; n < orders && best.busiest > bound * (1 + same); ++n) {
    std::vector<double> shaken = weights;
    for (double& w : shaken) w *= 0.7 + 0.6 * random.next();
    Attempt again(items, before, surcharge, slower);
    again.fill(descending(shaken, items));
    again.repair(bound);
    if (again.busiest() < best.busiest * (1 - same)) best = again.take();
  }
  best.bound =
      improve_exactly(items, before, surcharge, slower, bound, best) ? best.busiest : bound;
  return best;
}

Balanced balance_in_groups(std::span<const BalanceItem> items, const std::vector<double>& before,
                           const std::vector<double>& surcharge, unsigned groups) {
  const auto bins = static_cast<unsigned>(before.size());
  const bool bound_items = std::any_of(items.begin(), items.end(),
                                       [](const BalanceItem& i) { return i.bins != nullptr; });
  if (groups < 2 || bins <= groups || bound_items) return balance(items, before, surcharge);
  // A group's bins share evenly, more or less: what a packet costs there is the mean.
  std::vector<std::vector<unsigned>> of_group(groups);
  std::vector<double> group_before(groups, 0.0), group_surcharge(surcharge.empty() ? 0 : groups);
  for (unsigned b = 0; b < bins; ++b) {
    of_group[b % groups].push_back(b);
    group_before[b % groups] += before[b];
  }
  for (unsigned g = 0; g < group_surcharge.size(); ++g) {
    for (const unsigned b : of_group[g])
      group_surcharge[g] += surcharge[b] / static_cast<double>(of_group[g].size());
  }
  const Balanced coarse = balance(items, group_before, group_surcharge);
  Balanced out{std::vector<unsigned>(items.size()), before, 0, 0};
  out.bound = bound_of(items, before, surcharge);
  for (unsigned g = 0; g < groups; ++g) {
    std::vector<BalanceItem> its;
    std::vector<unsigned> index;
    for (unsigned i = 0; i < items.size(); ++i) {
      if (coarse.bin[i] != g) continue;
      its.push_back(items[i]);
      index.push_back(i);
    }
    std::vector<double> its_before, its_surcharge;
    for (const unsigned b : of_group[g]) {
      its_before.push_back(before[b]);
      if (!surcharge.empty()) its_surcharge.push_back(surcharge[b]);
    }
    const Balanced fine = balance(its, its_before, its_surcharge);
    for (unsigned i = 0; i < its.size(); ++i) out.bin[index[i]] = of_group[g][fine.bin[i]];
    for (unsigned b = 0; b < its_before.size(); ++b) out.load[of_group[g][b]] = fine.load[b];
    out.busiest = std::max(out.busiest, fine.busiest);
  }
  return out;
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
