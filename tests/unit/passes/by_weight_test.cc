#include "compiler/passes/by_weight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

namespace weft::passes {
namespace {

using Pairs = std::vector<std::pair<double, unsigned>>;

Pairs pairs(const std::vector<Weighed>& some) {
  Pairs out;
  for (const Weighed& w : some) out.emplace_back(w.weight, w.item);
  return out;
}

// Few and many, weights all alike, of a few values and all different, items in order and not.
TEST(ByWeight, SortsAsComparingDoes) {
  std::mt19937_64 random(7);
  for (const unsigned size : {0u, 1u, 2u, 511u, 512u, 513u, 5000u}) {
    for (const unsigned values : {1u, 3u, 1u << 30}) {
      for (const bool shuffled : {false, true}) {
        std::vector<Weighed> some(size);
        for (unsigned i = 0; i < size; ++i)
          some[i] = {static_cast<double>(random() % values) / 7e3, i};
        if (shuffled) std::shuffle(some.begin(), some.end(), random);
        Pairs expected = pairs(some);
        std::sort(expected.begin(), expected.end());
        std::vector<Weighed> up = some;
        lightest_first(up);
        EXPECT_EQ(pairs(up), expected) << size << " of " << values;
        std::sort(expected.begin(), expected.end(), [](const auto& a, const auto& b) {
          return std::tuple(-a.first, a.second) < std::tuple(-b.first, b.second);
        });
        std::vector<unsigned> down;
        for (const auto& pair : expected) down.push_back(pair.second);
        EXPECT_EQ(heaviest_first(some), down) << size << " of " << values;
      }
    }
  }
}

TEST(ByWeight, NamesTheHeaviestFirst) {
  EXPECT_EQ(heaviest_first(std::vector<double>{1, 0, 5e9, 1}), (std::vector<unsigned>{2, 0, 3, 1}));
}

}  // namespace
}  // namespace weft::passes
