// A rule for a block of ports, by a mask: on the emulated card its ports come to the queue that the
// plan says, and those beside the block, and fragments, to others, as planned.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "compiler/passes/steer.h"
#include "tests/sim/echo.h"
#include "tests/sim/frames.h"
#include "tests/sim/harness.h"

namespace weft::sim {
namespace {

struct Range {
  std::uint16_t first, last;
};

passes::Inputs wanted(const std::string& nic, Range range, unsigned queue) {
  passes::Inputs in = inputs(nic, "host");
  ir::Workload& w = in.workload;
  w.queues = 4;
  w.cores = 2;
  w.flows.clear();
  w.sets.clear();
  w.endpoints.resize(2);
  w.endpoints[0].rate = 1000;
  ir::Endpoint& e = w.endpoints[1];
  e.groups.clear();
  e.port = range.first;
  e.ports = range.last - range.first + 1u;
  e.rate = 100;
  e.queues = ir::QueueRange{queue, queue};
  return in;
}

// Both ends of each block, their neighbours, and some between.
std::vector<std::uint16_t> ports_of(Range range) {
  const unsigned first = range.first, last = range.last;
  std::vector<std::uint16_t> out;
  for (const unsigned at : {first - 2, first - 1, first, first + 1, last - 1, last, last + 1})
    out.push_back(static_cast<std::uint16_t>(at));
  for (unsigned bit = 0; bit < 12; ++bit) {
    out.push_back(static_cast<std::uint16_t>(first ^ (1u << bit)));
    out.push_back(static_cast<std::uint16_t>(last ^ (1u << bit)));
    out.push_back(static_cast<std::uint16_t>(first + (last - first) * bit / 11));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// How many rules it took.
std::size_t arrive_as_planned(const std::string& nic, Range range, unsigned queue) {
  const passes::Inputs in = wanted(nic, range, queue);
  const plan::Plan plan = must(passes::compile(in, {.prove = false, .certify = false}));
  const passes::Steering card(in.nic, in.fields, plan.configuration);
  std::vector<ports::Frame> frames;
  std::vector<unsigned> planned;
  std::uint64_t time = 0;
  unsigned inside = 0;
  for (const std::uint16_t port : ports_of(range)) {
    const std::uint32_t who = on_link(10 + planned.size() % 20);
    const passes::FlowKey key{who, static_cast<std::uint16_t>(5000 + planned.size()),
                              in.workload.host.address, port};
    const auto where = card.deliver(key);
    EXPECT_TRUE(where) << nic << " port " << port;
    if (!where) return 0;
    const bool in_range = port >= range.first && port <= range.last;
    inside += in_range;
    EXPECT_TRUE(!in_range || where->queue == queue) << nic << " port " << port;
    planned.push_back(where->queue);
    frames.push_back(
        {.time_ns = time += 100'000,
         .bytes = udp_frame({.src = mac_of(who)}, {.src = who},
                            {.src_port = key.src_port, .dst_port = port}, Bytes(20, 1))});
  }
  auto stack = Stack::make(plan, in, frames, {.trace = true});
  if (!stack) {
    ADD_FAILURE() << nic << "\n" << diag::render(stack.error(), false);
    return 0;
  }
  (*stack)->run(1'000'000'000);
  std::vector<Walked> received;
  for (const Walked& walk : (*stack)->walks)
    if (walk.entry == "rx") received.push_back(walk);
  EXPECT_EQ(received.size(), planned.size()) << nic;
  unsigned delivered = 0;
  for (std::size_t i = 0; i < std::min(planned.size(), received.size()); ++i) {
    EXPECT_EQ(received[i].queue, planned[i]) << nic << " port " << ports_of(range)[i];
    delivered += received[i].path.back() == "udp_deliver";
  }
  EXPECT_EQ(delivered, inside) << nic;
  (*stack)->stop();
  return plan.configuration.filters.size();
}

TEST(PortBlocks, ArriveOnTheirQueue) {
  start_dpdk();
  for (const char* nic : {"ideal", "intel_82599", "mellanox_connectx5"})
    EXPECT_EQ(arrive_as_planned(nic, {4096, 8191}, 2), 1u) << nic;
}

// 5000 to 5015 begins within a block: 5000-5007 and 5008-5015.
TEST(PortBlocks, SeveralForARange) {
  start_dpdk();
  EXPECT_EQ(arrive_as_planned("ideal", {5000, 5015}, 3), 2u);
  EXPECT_EQ(arrive_as_planned("mellanox_connectx5", {5000, 5015}, 3), 2u);
  EXPECT_EQ(arrive_as_planned("intel_e810", {5000, 5015}, 3), 2u);
}

// A card without masks has a rule for each port.
TEST(PortBlocks, OnePortEachWithoutMasks) {
  start_dpdk();
  EXPECT_EQ(arrive_as_planned("intel_xl710", {5000, 5015}, 3), 16u);
}

}  // namespace
}  // namespace weft::sim
