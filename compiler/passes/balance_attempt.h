// One attempt at balance.h: items in some order, each into the emptiest bin; then moves and swaps
// out of the fullest.
#pragma once

#include <span>
#include <vector>

#include "compiler/passes/balance.h"
#include "compiler/passes/by_weight.h"

namespace weft::passes {

constexpr double same_load = 1e-9;  // relative: no better than this is worth anything

// The heaviest first; before the others those that may not go everywhere.
struct Order {
  std::vector<unsigned> bound, free;
};
Order descending(const std::vector<double>& weights, std::span<const BalanceItem> items);

class Attempt {
 public:
  // Parameters as those of `balance`; all must outlive it.
  Attempt(std::span<const BalanceItem> items, const std::vector<double>& before,
          const std::vector<double>& surcharge, const std::vector<double>& slower);

  // Each item, in this order, into the emptiest bin that it may go to.
  void fill(const Order& order);

  // Takes something from the fullest bin while that helps, and while it is fuller than this.
  // Ends where the fullest bin holds no more than `good_enough`, or nothing makes it lighter by
  // more than `gain`, relative.
  void repair(double good_enough, double gain);

  double busiest() const;
  Balanced take();  // without a bound

 private:
  unsigned fullest() const;
  unsigned emptiest_of(const std::vector<unsigned>& bins, unsigned item) const;
  double weight(unsigned item, unsigned bin) const;
  bool may(unsigned item, unsigned bin) const;
  void put(unsigned item, unsigned bin);
  void shift(unsigned item, unsigned to);
  bool relieve(unsigned full, double gain);

  std::span<const BalanceItem> items_;
  const std::vector<double>& surcharge_;
  const std::vector<double>& slower_;
  std::vector<unsigned> bin_;
  std::vector<double> load_;
  std::vector<std::vector<Weighed>> held_;  // by bin, the lightest first; once it is repaired
  std::vector<unsigned> all_;               // bins
};

}  // namespace weft::passes
