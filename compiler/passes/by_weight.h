// Sorting by weight, quickly where there is much: 100,000 flows are sorted several times on their
// way to queues.
#pragma once

#include <vector>

namespace weft::passes {

// An item with what it is sorted by beside it.
struct Weighed {
  double weight = 0;  // >= 0, finite
  unsigned item = 0;
};

// Before another in the order of `lightest_first`: of the same weight, the lower item.
inline bool lighter(const Weighed& a, const Weighed& b) {
  return a.weight != b.weight ? a.weight < b.weight : a.item < b.item;
}

// The same items, sorted by weight; among those of the same weight the lower item first.
void lightest_first(std::vector<Weighed>& some);

// Their items, the heaviest first; among those of the same weight the lower one.
std::vector<unsigned> heaviest_first(std::vector<Weighed> some);
// The same of 0 .. weights.size() - 1.
std::vector<unsigned> heaviest_first(const std::vector<double>& weights);

}  // namespace weft::passes
