// Weights to bins, so that the fullest bin holds as little as can be: queues with flows, cores with
// queues. Longest processing time first, then moves and swaps, then other orders, then
// everything where that is little (balance_exact.h); and what no assignment can be better than, by
// arithmetic. Nothing here is random: same input, same answer.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace weft::passes {

struct BalanceItem {
  double weight = 0;                            // >= 0
  const std::vector<unsigned>* bins = nullptr;  // where it may go, sorted; null: anywhere
  double rate = 0;                              // packets, where bins differ in what one costs
};

struct Balanced {
  std::vector<unsigned> bin;  // by item
  std::vector<double> load;   // by bin, with what was there before
  double busiest = 0;         // the fullest bin
  double bound = 0;           // no assignment of these items leaves the fullest less
};

// `before`: what each bin holds already. Every item has at least one bin. `surcharge`: by bin, what
// a packet costs there more than in the cheapest; empty: the same everywhere. `slower`: by bin, how
// many times as long everything takes there, at least 1; empty: the same everywhere.
Balanced balance(std::span<const BalanceItem> items, const std::vector<double>& before,
                 const std::vector<double>& surcharge = {}, const std::vector<double>& slower = {});

// What an item costs in a bin.
inline double cost_in(const BalanceItem& item, unsigned bin, const std::vector<double>& surcharge,
                      const std::vector<double>& slower) {
  const double cost = item.weight + (surcharge.empty() ? 0 : item.rate * surcharge[bin]);
  return slower.empty() ? cost : cost * slower[bin];
}

// The same where bins belong to groups (queues to cores), bin i to group i % groups: first the
// fullest group has as little as can be, then the fullest bin of each.
Balanced balance_in_groups(std::span<const BalanceItem> items, const std::vector<double>& before,
                           const std::vector<double>& surcharge, unsigned groups);

// The weights of some items, ready to be asked how full the fullest of n bins must be.
class LowerBound {
 public:
  // `fluid`: load that can be divided at will.
  explicit LowerBound(std::vector<double> weights, double fluid = 0);
  double of(unsigned bins) const;
  double total() const { return total_; }

 private:
  std::vector<double> sums_;  // of the heaviest 0, 1, 2, ...
  double total_ = 0;
};

// How many bins each group gets, at least one, `bins` in all, so that the largest bound is least.
// `fixed` says it for groups that have no choice. Pre: there are enough.
std::vector<unsigned> share_bins(std::span<const LowerBound> groups,
                                 std::span<const std::optional<unsigned>> fixed, unsigned bins);

}  // namespace weft::passes
