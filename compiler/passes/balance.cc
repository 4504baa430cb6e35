#include "compiler/passes/balance.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>

#include "compiler/passes/balance_attempt.h"
#include "compiler/passes/balance_exact.h"

namespace weft::passes {

namespace {

constexpr std::size_t most_again = 2000;  // items beyond which one order is good enough,
constexpr double enough = 0.002;          // and a gap of this size
constexpr unsigned orders = 24;           // tried for fewer

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
  first.repair(many ? bound * (1 + enough) : bound, many ? enough / 20 : same_load);
  Balanced best = first.take();
  best.bound = bound;
  if (many) return best;
  Sequence random;
  for (unsigned n = 0; n < orders && best.busiest > bound * (1 + same_load); ++n) {
    std::vector<double> shaken = weights;
    for (double& w : shaken) w *= 0.7 + 0.6 * random.next();
    Attempt again(items, before, surcharge, slower);
    again.fill(descending(shaken, items));
    again.repair(bound, same_load);
    if (again.busiest() < best.busiest * (1 - same_load)) best = again.take();
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
