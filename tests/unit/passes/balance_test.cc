// Loads are as even as can be, and what is said to be the bound is one.
#include "compiler/passes/balance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace weft::passes::testing {
namespace {

std::vector<BalanceItem> items_of(const std::vector<double>& weights) {
  std::vector<BalanceItem> out;
  for (const double w : weights) out.push_back({w, nullptr});
  return out;
}

// The least that the fullest of `bins` can have, by trying everything.
double least(const std::vector<double>& weights, std::vector<double>& load, std::size_t next) {
  if (next == weights.size()) return *std::max_element(load.begin(), load.end());
  double best = 1e300;
  for (double& bin : load) {
    bin += weights[next];
    best = std::min(best, least(weights, load, next + 1));
    bin -= weights[next];
    if (bin == 0) break;  // the other empty ones are the same
  }
  return best;
}

// Of rank i: 1 / i^skew. With a skew of 1 the heaviest alone is the bound on 16 bins, so others
// too.
std::vector<double> zipf(unsigned n, double skew) {
  std::vector<double> out;
  for (unsigned i = 1; i <= n; ++i) out.push_back(1e6 / std::pow(i, skew));
  return out;
}

TEST(Balance, AThousandZipfFlowsAreWithinTwoPercentOfTheBound) {
  for (const unsigned bins : {8u, 16u}) {
    for (const double skew : {0.0, 0.5, 0.8, 1.0, 1.2}) {
      const auto weights = zipf(1000, skew);
      const Balanced found = balance(items_of(weights), std::vector<double>(bins, 0.0));
      const double bound = LowerBound(weights).of(bins);
      EXPECT_LE(found.busiest, 1.02 * bound) << bins << " bins, skew " << skew;
      EXPECT_GE(found.busiest, bound * (1 - 1e-9)) << bins << " bins, skew " << skew;
    }
  }
}

TEST(Balance, TheBoundIsOneAndSmallInstancesAreAsGoodAsCanBe) {
  std::uint64_t state = 7;
  for (unsigned round = 0; round < 60; ++round) {
    std::vector<double> weights;
    for (unsigned i = 0; i < 9; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      weights.push_back(1 + static_cast<double>(state >> 57));
    }
    for (const unsigned bins : {2u, 3u, 4u}) {
      std::vector<double> load(bins, 0.0);
      const double best = least(weights, load, 0);
      const Balanced found = balance(items_of(weights), std::vector<double>(bins, 0.0));
      EXPECT_LE(LowerBound(weights).of(bins), best + 1e-9);
      EXPECT_NEAR(found.busiest, best, 1e-6 * best);
      EXPECT_EQ(found.bound, found.busiest) << "and it is known to be the best";
    }
  }
}

TEST(Balance, WhatIsSaidToBeTheBestIsSoWithBinsThatHoldSomethingAndItemsThatMayNotGoEverywhere) {
  std::uint64_t state = 11;
  const auto random = [&state](unsigned n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<unsigned>((state >> 33) % n);
  };
  unsigned certified = 0;
  for (unsigned round = 0; round < 200; ++round) {
    const std::vector<double> before = {1.0 * random(20), 1.0 * random(20), 1.0 * random(20)};
    const std::vector<unsigned> some = {random(2), 2};
    std::vector<BalanceItem> items;
    for (unsigned i = 0; i < 7; ++i)
      items.push_back({1.0 + random(30), random(3) == 0 ? &some : nullptr});
    double best = 1e300;
    for (unsigned way = 0; way < 3 * 3 * 3 * 3 * 3 * 3 * 3; ++way) {
      std::vector<double> load = before;
      bool allowed = true;
      for (unsigned i = 0, rest = way; i < items.size(); ++i, rest /= 3) {
        load[rest % 3] += items[i].weight;
        allowed = allowed && (items[i].bins == nullptr || rest % 3 == some[0] || rest % 3 == 2);
      }
      if (allowed) best = std::min(best, *std::max_element(load.begin(), load.end()));
    }
    const Balanced found = balance(items, before);
    EXPECT_NEAR(found.busiest, best, 1e-6) << round;
    EXPECT_LE(found.bound, best + 1e-6) << round;
    certified += found.bound >= found.busiest - 1e-6 ? 1 : 0;
  }
  EXPECT_EQ(certified, 200u);
}

// Cores that are slower, and where packets cost more.
TEST(Balance, BinsThatDifferAreBoundedAndFilledAsWellAsCanBe) {
  std::uint64_t state = 23;
  const auto random = [&state](unsigned n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<unsigned>((state >> 33) % n);
  };
  for (unsigned round = 0; round < 200; ++round) {
    const std::vector<double> before = {1.0 * random(20), 0, 1.0 * random(20)};
    const std::vector<double> slower = {1 + 0.25 * random(4), 1.5, 1 + 0.5 * random(3)};
    const std::vector<double> surcharge = {0, 1.0 * random(5), 2};
    std::vector<BalanceItem> items;
    for (unsigned i = 0; i < 7; ++i) items.push_back({1.0 + random(30), nullptr, 1.0 + random(3)});
    double best = 1e300;
    for (unsigned way = 0; way < 3 * 3 * 3 * 3 * 3 * 3 * 3; ++way) {
      std::vector<double> load = before;
      for (unsigned i = 0, rest = way; i < items.size(); ++i, rest /= 3)
        load[rest % 3] +=
            slower[rest % 3] * (items[i].weight + items[i].rate * surcharge[rest % 3]);
      best = std::min(best, *std::max_element(load.begin(), load.end()));
    }
    const Balanced found = balance(items, before, surcharge, slower);
    EXPECT_NEAR(found.busiest, best, 1e-6) << round;
    EXPECT_LE(found.bound, best + 1e-6) << round;
    // The bound by arithmetic alone, which is what there is for many items.
    std::vector<BalanceItem> many;
    for (unsigned i = 0; i < 30; ++i) many.push_back({1.0 + random(30), nullptr, 1.0 + random(3)});
    const Balanced large = balance(many, before, surcharge, slower);
    EXPECT_LE(large.bound, large.busiest * (1 + 1e-9));
    EXPECT_GE(large.bound, 0.9 * large.busiest) << "and it says something";
  }
}

TEST(Balance, EqualWeightsThatDoNotDivideAreBoundedByTheRestOfTheDivision) {
  const std::vector<double> weights(50, 100.0);
  EXPECT_EQ(LowerBound(weights).of(8), 700);
  EXPECT_EQ(balance(items_of(weights), std::vector<double>(8, 0.0)).busiest, 700);
}

TEST(Balance, ItemsGoOnlyWhereTheyMay) {
  const std::vector<unsigned> last = {3};
  std::vector<BalanceItem> items = items_of(std::vector<double>(12, 1.0));
  items.push_back({4, &last});
  const Balanced found = balance(items, {0, 0, 0, 0});
  EXPECT_EQ(found.bin.back(), 3u);
  EXPECT_EQ(found.busiest, 4);
}

TEST(Balance, MoreBinsGoWhereTheyHelp) {
  // One flow that can't be divided gains nothing from a second bin.
  const std::vector<LowerBound> groups = {LowerBound(std::vector<double>(100, 1.0)),
                                          LowerBound({500.0})};
  const std::vector<std::optional<unsigned>> free(2);
  EXPECT_EQ(share_bins(groups, free, 8), (std::vector<unsigned>{7, 1}));
  const std::vector<LowerBound> even = {LowerBound(std::vector<double>(100, 1.0)),
                                        LowerBound(std::vector<double>(300, 1.0))};
  EXPECT_EQ(share_bins(even, free, 8), (std::vector<unsigned>{2, 6}));
}

}  // namespace
}  // namespace weft::passes::testing
