// What flows ask for stays known while a stack runs: where they belong, and that they stay there.
#include "compiler/planner/planner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/passes/fixture.h"

namespace weft::planner::testing {
namespace {

using passes::testing::inputs;
using passes::testing::must;

TEST(Planner, FlowsKeepToTheirOwnClassAndQueue) {
  passes::Inputs in = inputs("intel_82599", "policy_gold");
  passes::Options options;
  options.prove = false;
  const plan::Plan plan = must(passes::compile(in, options));
  const auto& gold = plan.chosen.zones.at(1).queues;
  const auto is_gold = [&](unsigned q) { return std::binary_search(gold.begin(), gold.end(), q); };
  auto planner = must(Planner::begin(plan, in));
  ASSERT_FALSE(in.workload.endpoints[1].gold);
  const auto key = [&](std::uint16_t port) {
    return FlowKey{0x0a070009, port, in.workload.host.address, in.workload.endpoints[1].port};
  };
  must(planner->add_flow(key(1), 1, 10, {.gold = true, .queue = {}}));
  EXPECT_TRUE(is_gold(planner->decider().find(key(1))->entry.queue));
  must(planner->add_flow(key(2), 1, 10));
  EXPECT_FALSE(is_gold(planner->decider().find(key(2))->entry.queue));
  must(planner->add_flow(key(3), 1, 1e6, {.gold = {}, .queue = 1}));
  must(planner->add_flow(key(4), 1, 9e5, {.gold = {}, .queue = 1}));
  EXPECT_FALSE(planner->add_flow(key(5), 1, 1, {.gold = {}, .queue = gold.front()}))
      << "a queue of others";
  EXPECT_FALSE(planner->move_flow(key(3), 2));
  const auto stay = [&](Planner& p) {
    must(p.rebalance(16, 0.001));
    for (const std::uint16_t port : {std::uint16_t{3}, std::uint16_t{4}})
      EXPECT_EQ(p.decider().find(key(port))->entry.queue, 1u) << port;
    EXPECT_TRUE(is_gold(p.decider().find(key(1))->entry.queue));
  };
  stay(*planner);
  // Whoever begins anew knows it from the plan.
  const auto text = plan::to_yaml(planner->complete_plan());
  const plan::Plan read = must(plan::plan_from_text(text, "plan", in.fields));
  EXPECT_EQ(plan::to_yaml(read), text);
  passes::Inputs again = in;
  again.workload = workload_of(read);
  auto other = must(Planner::begin(read, again));
  other->workload();
  must(other->add_flow(key(6), 1, 10));
  stay(*other);
  const auto flows = other->workload().flows;
  const auto first = std::find_if(flows.begin(), flows.end(), [&](const ir::Flow& f) {
    return f.src == key(1).src && f.src_port == 1;
  });
  ASSERT_NE(first, flows.end());
  EXPECT_TRUE(first->gold);
}

}  // namespace
}  // namespace weft::planner::testing
