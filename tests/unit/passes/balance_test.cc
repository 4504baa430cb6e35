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

std::vector<double> zipf(unsigned n) {
  std::vector<double> out;
  for (unsigned i = 1; i <= n; ++i) out.push_back(1e6 / i);
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

TEST(Balance, AThousandZipfFlowsAreWithinTwoPercentOfTheBound) {
  for (const unsigned bins : {8u, 16u}) {
    const auto weights = zipf(1000);
    const Balanced found = balance(items_of(weights), std::vector<double>(bins, 0.0));
    const double bound = LowerBound(weights).of(bins);
    EXPECT_LE(found.busiest, 1.02 * bound) << bins;
    EXPECT_GE(found.busiest, bound * (1 - 1e-9)) << bins;
  }
}

TEST(Balance, TheBoundIsOneAndSmallInstancesAreNearlyAsGoodAsCanBe) {
  std::uint64_t state = 7;
  unsigned exact = 0, cases = 0;
  for (unsigned round = 0; round < 60; ++round) {
    std::vector<double> weights;
    for (unsigned i = 0; i < 9; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      weights.push_back(1 + static_cast<double>(state >> 57));
    }
    for (const unsigned bins : {2u, 3u, 4u}) {
      std::vector<double> load(bins, 0.0);
      const double best = least(weights, load, 0);
      const double found = balance(items_of(weights), std::vector<double>(bins, 0.0)).busiest;
      EXPECT_LE(LowerBound(weights).of(bins), best + 1e-9);
      EXPECT_LE(found, 1.1 * best);
      exact += found <= best + 1e-9 ? 1 : 0;
      ++cases;
    }
  }
  EXPECT_GE(exact, cases * 9 / 10);
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
