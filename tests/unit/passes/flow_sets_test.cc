// Flows by prefix and by ranges of ports: rules with masks where the card has them, and the reason
// where it has not.
#include <gtest/gtest.h>

#include <set>

#include "compiler/passes/choose.h"
#include "compiler/passes/choose_beside.h"
#include "compiler/passes/choose_delta.h"
#include "compiler/passes/configure.h"
#include "compiler/passes/steer.h"
#include "compiler/passes/tables.h"
#include "compiler/plan/delta.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

constexpr std::uint32_t prefix = 0x0a090000;  // 10.9.0.0

ir::FlowSet set_of(unsigned endpoint, std::uint16_t port, unsigned length, double rate) {
  ir::FlowSet out;
  out.src = prefix;
  out.src_mask = ~std::uint32_t{0} << (32 - length);
  out.dst_port = port;
  out.endpoint = endpoint;
  out.rate = rate;
  return out;
}

// Gold flows of a prefix to an endpoint that is not gold, besides those of the workload.
Inputs with_gold_prefix(const std::string& nic) {
  Inputs in = inputs(nic, "policy_gold");
  ir::FlowSet set = set_of(1, in.workload.endpoints[1].port, 16, 500);
  set.gold = true;
  in.workload.sets = {set};
  return in;
}

plan::Plan compiled(const Inputs& in, bool prove = false) {
  Options options;
  options.prove = prove;
  return must(compile(in, options));
}

std::optional<Delivery> from(const Inputs& in, const plan::Plan& plan, std::uint32_t src,
                             std::uint16_t src_port, std::uint16_t port) {
  return deliver(in.nic, in.fields, plan.configuration,
                 {src, src_port, in.workload.host.address, port});
}

std::string refusal(const Inputs& in) {
  const auto choice = choose(in, {});
  return choice ? "" : diag::render(choice.error(), false);
}

TEST(FlowSets, AGoldPrefixHasTheQueuesOfGold) {
  for (const char* nic : {"intel_82599", "ideal", "mellanox_connectx5"}) {
    const Inputs in = with_gold_prefix(nic);
    const auto plan = compiled(in);
    const auto& gold = plan.chosen.zones.at(1).queues;
    for (unsigned i = 0; i < 1000; ++i) {
      const auto port = static_cast<std::uint16_t>(1024 + 61 * i);
      const auto in_it = from(in, plan, prefix + i * 65, port, in.workload.endpoints[1].port);
      const auto beside =
          from(in, plan, prefix + 0x10000 + i * 65, port, in.workload.endpoints[1].port);
      ASSERT_TRUE(in_it && beside) << nic;
      EXPECT_TRUE(std::binary_search(gold.begin(), gold.end(), in_it->queue)) << nic << i;
      EXPECT_FALSE(std::binary_search(gold.begin(), gold.end(), beside->queue)) << nic << i;
    }
  }
}

TEST(FlowSets, TheProofHoldsAndFailsWhereTheRuleLeadsToAQueueForKnownFlowsAlone) {
  const Inputs in = with_gold_prefix("intel_82599");
  plan::Plan plan = compiled(in, true);
  EXPECT_EQ(plan.proof.status, "proved");
  const auto closed = std::find_if(plan.residues.begin(), plan.residues.end(),
                                   [](const auto& r) { return r.queue_class == "flows"; });
  ASSERT_NE(closed, plan.residues.end());
  for (plan::Filter& f : plan.configuration.filters) {
    if (!key_of(f)) f.queue = closed->queues.front();
  }
  const auto verdict = must(verify_plan(plan, in));
  EXPECT_FALSE(verdict.proved);
  ASSERT_TRUE(verdict.counterexample);
  EXPECT_EQ(verdict.counterexample->frame.empty(), false);
}

TEST(FlowSets, CardsWithoutMasksRefuseWithTheReason) {
  for (const char* nic : {"intel_xl710", "solarflare_x2", "intel_i350"}) {
    const std::string why = refusal(with_gold_prefix(nic));
    EXPECT_NE(why.find("E0801"), std::string::npos) << nic << why;
    EXPECT_NE(why.find("flows from 10.9.0.0/16"), std::string::npos) << nic << why;
  }
  EXPECT_NE(refusal(with_gold_prefix("solarflare_x2")).find("ipv4.src/16"), std::string::npos);
}

// Rules that match the same packets need an order: two tables have one, and some cards' one table.
TEST(FlowSets, AFlowOfAPrefixThatBelongsElsewhereHasARuleInFrontOrThereIsNoPlan) {
  for (const char* nic : {"intel_82599", "ideal", "mellanox_connectx5", "without an order"}) {
    const bool none = std::string(nic) == "without an order";
    Inputs in = with_gold_prefix(none ? "ideal" : nic);
    if (none) in.nic.receive.node(*in.nic.receive.find("flows")).config.table->order = {};
    ir::Flow flow{.src = prefix + 9,
                  .src_port = 4000,
                  .dst_port = in.workload.sets[0].dst_port,
                  .endpoint = 1};
    in.workload.flows.push_back(flow);
    if (none) {
      EXPECT_NE(refusal(in).find("E0801"), std::string::npos);
      continue;
    }
    plan::Plan plan;
    ASSERT_TRUE(configure(in, must(choose(in, {})), plan)) << nic;
    const auto& gold = plan.chosen.zones.at(1).queues;
    const auto where = from(in, plan, flow.src, flow.src_port, flow.dst_port);
    ASSERT_TRUE(where);
    EXPECT_EQ(where->table, std::string(nic) == "intel_82599" ? "ntuple5" : "flows");
    EXPECT_FALSE(std::binary_search(gold.begin(), gold.end(), where->queue));
    // One that is gold, too, needs nothing.
    in.workload.flows.back().gold = true;
    EXPECT_EQ(refusal(in), "");
  }
}

TEST(FlowSets, OneMaskForAllRulesIsNamedWhereTwoLengthsAreAsked) {
  Inputs in = with_gold_prefix("intel_82599");
  ir::FlowSet other = set_of(1, in.workload.endpoints[1].port, 24, 1);
  other.src += 0x10000;
  other.gold = true;
  in.workload.sets.push_back(other);
  const std::string why = refusal(in);
  EXPECT_NE(why.find("share one mask"), std::string::npos) << why;
  in.nic = inputs("ideal", "policy_gold").nic;
  EXPECT_EQ(refusal(in), "");
}

TEST(FlowSets, WithoutWishesTheHashSpreadsThemAndTheirLoadCounts) {
  Inputs in = inputs("intel_82599", "policy_balance");
  const auto without = compiled(in);
  in.workload.sets = {set_of(0, in.workload.endpoints[0].port, 16, 1e5)};
  const auto plan = compiled(in);
  for (const auto& f : plan.configuration.filters) EXPECT_TRUE(key_of(f)) << f.id;
  double before = 0, now = 0;
  for (const auto& core : without.cores) before += core.load;
  for (const auto& core : plan.cores) now += core.load;
  EXPECT_GT(now, before + 1e5 * 50) << "packets cost something";
  EXPECT_LE(plan.chosen.cores.bound, plan.chosen.cores.busiest * (1 + 1e-9));
  EXPECT_LE(plan.chosen.queues.bound, plan.chosen.queues.busiest * (1 + 1e-9));
}

TEST(FlowSets, APrefixComesAndGoesBesideARunningPlan) {
  Inputs in = with_gold_prefix("intel_82599");
  const auto running = compiled(in);
  Options beside;
  beside.prove = false;
  beside.beside = &running;
  ASSERT_TRUE(choose_beside(in, {}, running)) << "the same workload is the same plan";
  EXPECT_TRUE(plan::same_but_for_names(running, must(compile(in, beside))));
  const auto set = in.workload.sets.front();
  in.workload.sets.clear();
  const auto without = must(compile(in, beside));
  for (const auto& f : without.configuration.filters) EXPECT_TRUE(key_of(f));
  EXPECT_TRUE(plan::operations(running, without));
  beside.beside = &without;
  in.workload.sets = {set};
  const auto again = must(compile(in, beside));
  EXPECT_TRUE(plan::operations(without, again));
  // One flow more of the prefix that is gold comes by its rule; one that is not, by one in front.
  ChoiceState state(in, again);
  ir::Flow flow{.src = prefix + 77, .src_port = 9, .dst_port = set.dst_port, .endpoint = 1};
  const auto place = state.place(flow);
  ASSERT_TRUE(place);
  EXPECT_EQ(state.tables().at(static_cast<std::size_t>(place->table)), "ntuple5");
  flow.gold = true;
  ASSERT_TRUE(state.place(flow));
  EXPECT_EQ(state.place(flow)->table, -1);
}

TEST(FlowSets, FlowsOverIpv6NeedAGraphThatTakesIt) {
  Inputs in = inputs("ideal", "quickstart");
  in.workload.ipv6 = diag::Span{"w.yaml", 9, 3, 1};
  const auto plan = compile(in, {});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().list.front().code, "E0308");
  EXPECT_NE(diag::render(plan.error(), false).find("no node that takes IPv6"), std::string::npos);
}

}  // namespace
}  // namespace weft::passes::testing
