// What comes to an endpoint by a rule that names several queues arrives on them, on the emulated
// card as in the plan: on the one that the hash picks, or on any where nobody can say.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "compiler/passes/steer.h"
#include "tests/sim/frames.h"
#include "tests/sim/harness.h"

namespace weft::sim {
namespace {

constexpr unsigned strangers = 96;
constexpr std::uint16_t port = 9;

passes::FlowKey key_of(unsigned i, const passes::Inputs& in) {
  return {on_link(10 + i % 20), static_cast<std::uint16_t>(5000 + 7 * i), in.workload.host.address,
          port};
}

passes::Inputs several(const std::string& nic) {
  passes::Inputs in = inputs(nic, "host");
  ir::Workload& w = in.workload;
  w.queues = 8;
  w.cores = 2;
  w.flows.clear();
  w.sets.clear();
  w.endpoints.resize(2);
  w.endpoints[1].groups.clear();
  w.endpoints[1].rate = 1000;
  w.endpoints[1].queues = ir::QueueRange{4, 7};
  return in;
}

std::vector<ports::Frame> capture(const passes::Inputs& in) {
  std::vector<ports::Frame> frames;
  for (unsigned i = 0; i < strangers; ++i) {
    const passes::FlowKey k = key_of(i, in);
    frames.push_back(
        {.time_ns = 100'000 * (i + 1),
         .bytes = udp_frame({.src = mac_of(k.src)}, {.src = k.src},
                            {.src_port = k.src_port, .dst_port = port}, Bytes(20, 1))});
  }
  return frames;
}

TEST(QueueGroups, StrangersArriveWhereThePlanSays) {
  start_dpdk();
  for (const char* nic : {"ideal", "mellanox_connectx5", "intel_e810"}) {
    passes::Inputs in = several(nic);
    const bool known = std::string(nic) != "intel_e810";
    // Some of them are flows, owned by their queues; there is room for one rule alone.
    if (known) in.nic.receive.node(*in.nic.receive.find("flows")).config.table->capacity = 1;
    for (unsigned i = 0; known && i < 8; ++i) {
      const passes::FlowKey k = key_of(i, in);
      in.workload.flows.push_back(
          {.src = k.src, .src_port = k.src_port, .dst_port = port, .endpoint = 1});
    }
    const plan::Plan plan = must(passes::compile(in, {.prove = false, .certify = false}));
    ASSERT_EQ(plan.configuration.filters.size(), 1u) << nic;
    ASSERT_EQ(plan.flows.size(), known ? 8u : 0u) << nic;
    ASSERT_EQ(plan.configuration.filters[0].group, (std::vector<unsigned>{4, 5, 6, 7})) << nic;
    auto stack = Stack::make(plan, in, capture(in), {.trace = true});
    ASSERT_TRUE(stack) << nic << "\n" << diag::render(stack.error(), false);
    (*stack)->run(1'000'000'000);
    std::map<unsigned, unsigned> delivered, planned;
    for (const Walked& walk : (*stack)->walks)
      if (walk.path.back() == "udp_deliver") ++delivered[walk.queue];
    const passes::Steering card(in.nic, in.fields, plan.configuration);
    for (unsigned i = 0; i < strangers; ++i)
      if (const auto where = card.deliver(key_of(i, in))) ++planned[where->queue];
    unsigned all = 0;
    for (const auto& [queue, n] : delivered) {
      EXPECT_TRUE(queue >= 4 && queue <= 7) << nic << " queue " << queue;
      all += n;
    }
    EXPECT_EQ(all, strangers) << nic;
    EXPECT_EQ(delivered.size(), 4u) << nic;
    if (known) EXPECT_EQ(delivered, planned) << nic;
    (*stack)->stop();
  }
}

}  // namespace
}  // namespace weft::sim
