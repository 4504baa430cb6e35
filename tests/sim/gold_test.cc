// Issue C, check 8, in simulated time: gold flows on a queue of their own, polled first, hardly
// notice twice as much other traffic as the core can do; on one queue for all they would. What the
// core does in all is not less for it.
#include "tests/sim/gold.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>

#include "tests/sim/harness.h"

namespace weft::sim {
namespace {

class Gold : public ::testing::TestWithParam<double> {
 protected:
  static void SetUpTestSuite() { start_dpdk(); }
};

TEST_P(Gold, WaitsForNobodyUnderOverload) {
  const double load = GetParam();
  const GoldTimes idle = gold_times(Sharing::idle, load), gold = gold_times(Sharing::gold, load);
  const GoldTimes one = gold_times(Sharing::one_queue, load);
  const GoldTimes balanced = gold_times(Sharing::balanced, load);
  for (const auto& [name, t] :
       {std::pair("idle", idle), {"gold", gold}, {"one queue", one}, {"balanced", balanced}})
    std::cout << fmt::format(
        "{:9}  p50 {:6.1f}  p99 {:6.1f}  answered {} of {}  throughput {:.3f}\n", name, t.p50,
        t.p99, t.gold, t.gold_sent, t.throughput);
  ASSERT_GT(idle.gold, 1000u);
  EXPECT_EQ(idle.gold, idle.gold_sent);
  EXPECT_EQ(gold.gold, gold.gold_sent) << "nothing of it is lost";
  EXPECT_LE(gold.p99, 2 * idle.p99);
  EXPECT_GT(one.p99, 10 * idle.p99);
  EXPECT_LT(one.gold, one.gold_sent);
  EXPECT_GE(gold.throughput, 0.95 * balanced.throughput);
  EXPECT_GE(balanced.throughput, 0.95) << "the core is overloaded";
}

INSTANTIATE_TEST_SUITE_P(OfTheCore, Gold, ::testing::Values(0.2, 0.4, 0.6), [](const auto& info) {
  return fmt::format("{:.0f}percent", 100 * info.param);
});

}  // namespace
}  // namespace weft::sim
