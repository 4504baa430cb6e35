#include "compiler/passes/balance_exact.h"

#include <algorithm>
#include <numeric>

namespace weft::passes {

namespace {

constexpr double same = 1e-9;  // relative: no better than this is worth anything

// Depth first, the heaviest item first, into the emptiest bin first. A branch ends where a bin
// holds as much as the best answer's fullest, or where what is left does not fit below that.
class Search {
 public:
  Search(std::span<const BalanceItem> items, const std::vector<double>& before,
         const std::vector<double>& surcharge, const std::vector<double>& slower, double bound,
         Balanced& best)
      : items_(items),
        surcharge_(surcharge),
        slower_(slower),
        bound_(bound),
        best_(best),
        load_(before) {
    order_.resize(items.size());
    std::iota(order_.begin(), order_.end(), 0u);
    std::sort(order_.begin(), order_.end(), [&](unsigned a, unsigned b) {
      return items[a].weight != items[b].weight ? items[a].weight > items[b].weight : a < b;
    });
    bin_.assign(items.size(), 0);
    std::vector<unsigned> all(before.size());
    std::iota(all.begin(), all.end(), 0u);
    for (const unsigned i : order_)
      where_.push_back(items[i].bins == nullptr ? all : *items[i].bins);
    behind_.assign(items.size() + 1, 0.0);
    for (std::size_t i = items.size(); i-- > 0;)
      behind_[i] = behind_[i + 1] + items[order_[i]].weight;
    any_ = surcharge.empty() && slower.empty() &&
           std::all_of(items.begin(), items.end(), [](const auto& i) { return i.bins == nullptr; });
  }

  // Everything that could be better was tried.
  bool run() {
    from(0);
    return !tired_;
  }

 private:
  double target() const { return best_.busiest * (1 - same); }
  bool done() const { return tired_ || best_.busiest <= bound_ * (1 + same); }

  void from(std::size_t at) {
    if (++steps_ > exact_effort) tired_ = true;
    if (done()) return;
    if (at == order_.size()) {
      const double most = *std::max_element(load_.begin(), load_.end());
      if (most < target()) best_ = {bin_, load_, most, 0};
      return;
    }
    double room = 0;
    for (const double l : load_) room += std::max(0.0, target() - l);
    if (behind_[at] > room) return;
    const unsigned item = order_[at];
    std::vector<unsigned>& bins = where_[at];
    std::sort(bins.begin(), bins.end(), [this](unsigned a, unsigned b) {
      return load_[a] != load_[b] ? load_[a] < load_[b] : a < b;
    });
    double last = -1;
    for (const unsigned b : bins) {
      // Where all may go everywhere at one price, bins that hold the same are the same.
      if (any_ && load_[b] == last) continue;
      last = load_[b];
      const double old = load_[b];
      const double more = cost_in(items_[item], b, surcharge_, slower_);
      if (old + more >= target()) continue;
      load_[b] += more;
      bin_[item] = b;
      from(at + 1);
      load_[b] = old;
      if (done()) return;
    }
  }

  std::span<const BalanceItem> items_;
  const std::vector<double>& surcharge_;
  const std::vector<double>& slower_;
  double bound_;
  Balanced& best_;
  std::vector<double> load_;
  std::vector<unsigned> order_, bin_;
  std::vector<std::vector<unsigned>> where_;  // by place in order_: bins, the emptiest first
  std::vector<double> behind_;                // weight of the items from here on
  bool any_ = false;
  unsigned steps_ = 0;
  bool tired_ = false;
};

}  // namespace

bool improve_exactly(std::span<const BalanceItem> items, const std::vector<double>& before,
                     const std::vector<double>& surcharge, const std::vector<double>& slower,
                     double bound, Balanced& found) {
  if (found.busiest <= bound * (1 + same)) return true;
  if (items.size() > most_exact) return false;
  return Search(items, before, surcharge, slower, bound, found).run();
}

}  // namespace weft::passes
