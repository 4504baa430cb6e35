// Another workload beside a plan that runs: what can stay as it is stays.
#include "compiler/passes/choose_beside.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "compiler/plan/delta.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

plan::Plan compiled(const Inputs& in, const plan::Plan* beside = nullptr) {
  Options options;
  options.prove = false;
  options.beside = beside;
  return must(compile(in, options));
}

ir::Flow flow_to(const Inputs& in, unsigned endpoint, unsigned number, double rate) {
  return {.src = 0x0a070009,
          .src_port = static_cast<std::uint16_t>(50000 + number),
          .dst_port = in.workload.endpoints[endpoint].port,
          .endpoint = endpoint,
          .rate = rate,
          .gold = in.workload.endpoints[endpoint].gold};
}

std::set<std::pair<std::string, std::string>> rules(const plan::Plan& plan) {
  std::set<std::pair<std::string, std::string>> out;
  for (const auto& f : plan.configuration.filters) out.emplace(f.table, plan::rule_key(f));
  return out;
}

TEST(ChooseBeside, TheSameWorkloadIsTheSamePlan) {
  for (const char* workload : {"policy_balance", "policy_gold", "quickstart"}) {
    for (const std::string nic : {"intel_82599", "intel_e810", "tap"}) {
      const Inputs in = inputs(nic, workload);
      if (nic == "tap" && in.workload.policy == ir::Policy::gold) continue;  // it has one queue
      const plan::Plan running = compiled(in);
      ASSERT_TRUE(choose_beside(in, {}, running)) << nic;
      EXPECT_TRUE(plan::same_but_for_names(running, compiled(in, &running))) << nic << workload;
    }
  }
}

TEST(ChooseBeside, OthersComeAndGoWithoutMovingThoseThatStay) {
  Inputs in = inputs("intel_82599", "policy_gold");
  const plan::Plan running = compiled(in);
  in.workload.flows.erase(in.workload.flows.begin());
  for (unsigned i = 0; i < 12; ++i) in.workload.flows.push_back(flow_to(in, i % 2, i, 5 + i));
  const plan::Plan now = compiled(in, &running);
  const plan::Plan fresh = compiled(in);
  EXPECT_EQ(rules(now), rules(fresh)) << "nothing of what is gone is left, nothing is missing";
  EXPECT_EQ(now.cores.size(), running.cores.size());
  for (std::size_t c = 0; c < now.cores.size(); ++c)
    EXPECT_EQ(now.cores[c].queues, running.cores[c].queues);
  unsigned moved = 0;
  for (const auto& f : running.flows) {
    for (const auto& g : now.flows)
      if (f.src == g.src && f.src_port == g.src_port && f.dst_port == g.dst_port)
        moved += f.queue != g.queue;
  }
  EXPECT_LE(moved, 16u);
  EXPECT_TRUE(plan::operations(running, now)) << "a running stack can become it";
}

TEST(ChooseBeside, NobodyElseComesToTheQueuesOfGold) {
  Inputs in = inputs("intel_82599", "policy_gold");
  const plan::Plan running = compiled(in);
  const auto& zones = running.chosen.zones;
  const auto gold = std::find_if(zones.begin(), zones.end(), [](auto& z) { return z.priority; });
  ASSERT_NE(gold, zones.end());
  const auto of_gold = [&](unsigned q) {
    return std::find(gold->queues.begin(), gold->queues.end(), q) != gold->queues.end();
  };
  for (unsigned i = 0; i < 40; ++i) in.workload.flows.push_back(flow_to(in, i % 2, i, 1000));
  for (const auto& f : compiled(in, &running).flows)
    EXPECT_EQ(of_gold(f.queue), in.workload.endpoints[f.endpoint].gold) << f.src_port;
}

TEST(ChooseBeside, AFreshChoiceWhereSomethingElseIsAskedFor) {
  Inputs in = inputs("intel_82599", "policy_balance");
  const plan::Plan running = compiled(in);
  in.workload.endpoints[0].exclusive = true;
  EXPECT_FALSE(choose_beside(in, {}, running)) << "queues of its own";
  in.workload.endpoints[0].exclusive = false;
  in.workload.policy = ir::Policy::fixed;
  EXPECT_FALSE(choose_beside(in, {}, running)) << "another policy";
}

// Rules of prefixes and zones are chosen anew, on the queues, cores and key that are there.
TEST(ChooseBeside, PrefixesAndZonesOnTheQueuesThatRun) {
  Inputs in = inputs("mellanox_connectx5", "policy_gold");
  in.workload.cores = 2;
  ir::FlowSet set;
  set.src = 0x0a090000;
  set.src_mask = 0xffff0000;
  set.dst_port = in.workload.endpoints[0].port;
  set.rate = 50;
  set.gold = true;
  in.workload.sets = {set};
  const plan::Plan running = compiled(in);
  in.workload.sets[0].src_mask = 0xfff00000;
  in.workload.sets[0].src = 0x0a000000;
  in.workload.endpoints[1].exclusive = true;
  const plan::Plan now = compiled(in, &running);
  EXPECT_EQ(now.chosen.zones.size(), running.chosen.zones.size() + 1);
  EXPECT_TRUE(plan::operations(running, now));
  unsigned of_set = 0;
  for (const auto& f : now.configuration.filters)
    of_set +=
        f.match.contains("ipv4.src") &&
        f.match.at("ipv4.src") == std::pair<std::uint64_t, std::uint64_t>{0x0a000000, 0xfff00000};
  EXPECT_EQ(of_set, 1u);
}

}  // namespace
}  // namespace weft::passes::testing
