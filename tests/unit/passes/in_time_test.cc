// Bounds for what 99 of 100 packets take: kept by queues of their own where that does it, else
// refused with advice that does.
#include <gtest/gtest.h>

#include <set>

#include "compiler/plan/preview.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes {
namespace {

using namespace testing;

ir::Machine box(unsigned cpus) {
  ir::Machine machine{.name = "box", .mhz = 2500};
  for (unsigned c = 0; c < cpus; ++c) machine.cpus.push_back({.id = c, .core = c});
  return machine;
}

// One flow with a bound beside ten of another endpoint that nearly fill a core.
Inputs beside_load(double p99_us, unsigned cores) {
  Inputs in = inputs("intel_82599", "policy_balance");
  in.machine = box(8);
  ir::Workload& w = in.workload;
  w.queues = 2;
  w.cores = cores;
  ir::Endpoint other = w.endpoints.front();
  w.endpoints = {w.endpoints.front(), other};
  for (ir::Endpoint& e : w.endpoints) e.rate = 0, e.cost = 2000;
  w.endpoints[0].p99_us = p99_us;
  w.endpoints[1].name = "other";
  w.endpoints[1].port = static_cast<std::uint16_t>(other.port + 1);
  w.endpoints[1].span.line += 1;
  ir::Flow flow = w.flows.front();
  flow.endpoint = 0;
  flow.queue.reset();
  flow.rate = 100'000;
  flow.dst_port = w.endpoints[0].port;
  w.flows = {flow};
  for (std::uint16_t n = 0; n < 10; ++n) {
    flow.endpoint = 1;
    flow.rate = 90'000;
    flow.src_port = static_cast<std::uint16_t>(5000 + n);
    flow.dst_port = w.endpoints[1].port;
    w.flows.push_back(flow);
  }
  return in;
}

diag::Result<plan::Plan> draft(const Inputs& in) {
  Options quick;
  quick.prove = quick.certify = false;
  return compile(in, quick);
}

TEST(InTime, AQueueOfItsOwnWhereThatIsWhatItTakes) {
  const Inputs in = beside_load(3, 2);
  const plan::Plan plan = must(draft(in));
  ASSERT_EQ(plan.chosen.zones.size(), 2u) << plan::preview(plan, {});
  EXPECT_EQ(plan.chosen.zones[1].name, "endpoint " + in.workload.endpoints[0].name);
  // Without a bound they share.
  EXPECT_EQ(must(draft(beside_load(0, 2))).chosen.zones.size(), 1u);
  EXPECT_EQ(must(draft(beside_load(1000, 2))).chosen.zones.size(), 1u);
  // And what was set apart is proved against the workload as it was given.
  EXPECT_EQ(must(compile(in, {})).proof.status, "proved");
}

// What is foreseen is in the plan, once for all who are alike.
TEST(InTime, ThePlanSaysWhatIsForeseen) {
  Inputs in = beside_load(1000, 2);
  in.workload.endpoints[1].p99_us = 1000;
  const plan::Plan plan = must(draft(in));
  ASSERT_FALSE(plan.latency.empty());
  std::set<unsigned> whose;
  for (const plan::Latency& l : plan.latency) {
    whose.insert(l.endpoints.begin(), l.endpoints.end());
    EXPECT_EQ(l.allowed_us, 1000);
    EXPECT_FALSE(l.priority);
    EXPECT_GT(l.wait_us, 0);
    EXPECT_GT(l.p99_us, l.wait_us);
    EXPECT_LT(l.p99_us, 1000);
  }
  EXPECT_EQ(whose, (std::set<unsigned>{0, 1}));
  const std::string text = plan::to_yaml(plan);
  EXPECT_EQ(plan::to_yaml(must(plan::plan_from_text(text, "p", fields()))), text);
  EXPECT_NE(plan::preview(plan, {}).find("us (1000 us allowed)"), std::string::npos);
  // Nobody asks, or nobody knows the clock.
  EXPECT_TRUE(must(draft(beside_load(0, 2))).latency.empty());
  in.machine.reset();
  EXPECT_TRUE(must(draft(in)).latency.empty());
  // Of class gold by itself, whatever else.
  in = inputs("intel_82599", "policy_gold");
  in.machine = box(8);
  const plan::Plan gold = must(draft(in));
  ASSERT_EQ(gold.latency.size(), 1u);
  EXPECT_TRUE(gold.latency.front().priority);
  EXPECT_NEAR(gold.latency.front().p99_us, gold.chosen.compared.front().latency_us, 0.001);
}

std::string help_of(const Inputs& in) {
  const auto refused = draft(in);
  if (refused) return "a plan";
  EXPECT_EQ(refused.error().list.front().code, "E0804");
  return refused.error().list.front().help;
}

TEST(InTime, AdviceDoes) {
  Inputs in = beside_load(3, 1);
  EXPECT_NE(help_of(in).find("; or `cores: 2`"), std::string::npos) << help_of(in);
  in.workload.cores = 2;
  EXPECT_TRUE(draft(in));
  in = beside_load(5, 1);
  in.machine = box(1);
  EXPECT_NE(help_of(in).find("; or `class: gold` with `policy: gold`"), std::string::npos)
      << help_of(in);
  in.workload.policy = ir::Policy::gold;
  in.workload.endpoints[0].gold = in.workload.flows[0].gold = true;
  EXPECT_TRUE(draft(in));
}

TEST(InTime, NoAdviceThatDoesNot) {
  Inputs in = beside_load(0.5, 2);  // its own service takes longer
  const std::string help = help_of(in);
  EXPECT_EQ(help.find("; or"), std::string::npos) << help;
  EXPECT_NE(help.find("`p99: "), std::string::npos);
}

}  // namespace
}  // namespace weft::passes
