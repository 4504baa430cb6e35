// What is asked of a card stays within what it has; loads are even.
#include "compiler/passes/choose.h"

#include <gtest/gtest.h>

#include <map>

#include "compiler/passes/steer.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

void set_flows(Inputs& in, unsigned count) {
  in.workload.flows.clear();
  for (auto& endpoint : in.workload.endpoints) endpoint.rate = 0;
  for (unsigned i = 0; i < count; ++i) {
    ir::Flow flow;
    flow.src = 0x0a070001 + i / 20000;
    flow.src_port = static_cast<std::uint16_t>(1024 + i % 20000);
    flow.dst_port = 7;
    in.workload.flows.push_back(flow);
  }
}

TEST(Choose, FillsTheTablesOfThe82599AndThenStops) {
  Inputs in = inputs("intel_82599", "quickstart");
  set_flows(in, 128 + 2046 + 5);
  const auto choice = must(choose(in, {}));
  std::map<std::string, unsigned> used;
  for (const auto& f : choice.flows) ++used[f.table];
  EXPECT_EQ(used["ntuple5"], 128u);
  EXPECT_EQ(used["fdir"], 2046u);
  EXPECT_EQ(used[""], 5u);
}

TEST(Choose, SpreadsFlowsEvenlyOverTheirQueues) {
  Inputs in = inputs("intel_82599", "quickstart");
  set_flows(in, 120);
  const auto choice = must(choose(in, {}));
  std::map<unsigned, unsigned> load;
  for (const auto& f : choice.flows) ++load[f.queue];
  EXPECT_EQ(load.size(), 3u);
  for (const auto& [queue, flows] : load) EXPECT_EQ(flows, 40u) << queue;
}

TEST(Choose, TakesNoMoreQueuesThanTheCardHas) {
  Inputs in = inputs("none", "quickstart");
  EXPECT_EQ(must(choose(in, {})).rx_queues, 1u);
  in = inputs("tap", "quickstart");
  EXPECT_EQ(must(choose(in, {})).rx_queues, 1u) << "one core: most packets would be handed over";
  in.workload.cores = 2;
  EXPECT_EQ(must(choose(in, {})).rx_queues, 2u) << "a queue for each core, and handover";
}

TEST(Choose, DoesNotAskADriverToDoInSoftwareWhatSavesNothing) {
  const auto choice = must(choose(inputs("tap", "quickstart"), {}));
  for (const auto& [knob, on] : choice.knobs) EXPECT_FALSE(on) << knob;
}

TEST(Configure, EveryFlowIsOwnedByTheQueueItArrivesOn) {
  for (const auto& nic : nics) {
    Inputs in = inputs(nic, "quickstart");
    set_flows(in, 300);
    Options options;
    options.prove = false;
    const auto plan = must(compile(in, options));
    EXPECT_EQ(plan.flows.size(), 300u);
    for (const auto& f : plan.flows) {
      const auto where =
          deliver(in.nic, in.fields, plan.configuration, {f.src, f.src_port, f.dst, f.dst_port});
      ASSERT_TRUE(where);
      EXPECT_EQ(where->queue, f.queue) << nic;
    }
  }
}

// Microsoft's verification suite for RSS, IPv4 with ports.
TEST(Toeplitz, HashesAsPublished) {
  const std::vector<std::uint8_t> key = {
      0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
      0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
      0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
  const std::vector<std::uint8_t> input = {66,  9,  149,  187,  161,  142,
                                           100, 80, 0x0a, 0xea, 0x06, 0xe6};
  EXPECT_EQ(toeplitz(input, key), 0x51ccc178u);
}

TEST(Pipeline, SameInputsSameBytes) {
  const Inputs in = inputs("intel_82599", "quickstart");
  EXPECT_EQ(plan::to_yaml(must(compile(in, {}))), plan::to_yaml(must(compile(in, {}))));
}

}  // namespace
}  // namespace weft::passes::testing
