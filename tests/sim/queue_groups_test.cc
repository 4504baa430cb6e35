// What comes to an endpoint by a rule that names several queues arrives on them, on the emulated
// card as in the plan: on the one that the hash picks, or on any where nobody can say.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "compiler/passes/steer.h"
#include "compiler/plan/owners.h"
#include "tests/sim/echo.h"
#include "tests/sim/faults.h"
#include "tests/sim/frames.h"
#include "tests/sim/harness.h"
#include "tests/sim/tcp_scene.h"

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
  w.endpoints[0].rate = 100;
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
  for (const std::string nic : {"ideal", "mellanox_connectx5", "intel_xl710", "intel_e810"}) {
    passes::Inputs in = several(nic);
    const bool known = nic != "intel_e810", region = nic == "intel_xl710";
    // Some of them are flows, owned by their queues; there is room for one rule alone, beside a
    // region for all datagrams.
    const char* table = region ? "fdir" : "flows";
    if (known) in.nic.receive.node(*in.nic.receive.find(table)).config.table->capacity = 1;
    for (unsigned i = 0; known && i < 8; ++i) {
      const passes::FlowKey k = key_of(i, in);
      in.workload.flows.push_back(
          {.src = k.src, .src_port = k.src_port, .dst_port = port, .endpoint = 1});
    }
    const plan::Plan plan = must(passes::compile(in, {.prove = false, .certify = false}));
    const auto& rules = plan.configuration.filters;
    ASSERT_EQ(rules.size(), 1u) << nic;
    ASSERT_EQ(plan.flows.size(), known ? 8u : 0u) << nic;
    const auto group = std::find_if(rules.begin(), rules.end(),
                                    [](const plan::Filter& f) { return !f.group.empty(); });
    ASSERT_NE(group, rules.end()) << nic;
    ASSERT_EQ(group->group, (std::vector<unsigned>{4, 5, 6, 7})) << nic;
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
    if (known) {
      EXPECT_EQ(delivered, planned) << nic;
    }
    (*stack)->stop();
  }
}

// It serves TCP, too, and does nothing there.
const weft_app* app() {
  static const weft_app both = [] {
    weft_app out = echo_app;
    out.tcp = [](void*, const weft_host*, const weft_tcp_event*) {};
    return out;
  }();
  return &both;
}

Bytes request(const passes::FlowKey& k) {
  Bytes segment(20);
  put16(segment, 0, k.src_port);
  put16(segment, 2, k.dst_port);
  put32(segment, 4, 1000);
  segment[12] = 5 << 4;
  segment[13] = 2;  // SYN
  put16(segment, 14, 4096);
  const Ip ip{.src = k.src, .dst = k.dst, .protocol = 6};
  Bytes pseudo(12);
  put32(pseudo, 0, k.src);
  put32(pseudo, 4, k.dst);
  pseudo[9] = 6;
  pseudo[11] = 20;
  pseudo.insert(pseudo.end(), segment.begin(), segment.end());
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < pseudo.size(); i += 2) sum += get16(pseudo, i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  put16(segment, 16, ~sum & 0xffff);
  return ip_frame({.src = mac_of(k.src)}, ip, segment);
}

// Segments that are for nobody come to the region of who has all of TCP, and are reset there.
TEST(QueueGroups, StrangersOfAProtocolAreAnsweredInItsRegion) {
  start_dpdk();
  passes::Inputs in = tcp_inputs("intel_xl710", "gold_streams");
  in.workload.gold_queues = 2;
  const plan::Plan plan = must(passes::compile(in, {.prove = false, .certify = false}));
  std::vector<ports::Frame> frames;
  std::map<unsigned, unsigned> planned, seen;
  const passes::Steering card(in.nic, in.fields, plan.configuration);
  for (unsigned i = 0; i < 20; ++i) {  // who they are
    const std::uint32_t who = on_link(10 + i);
    frames.push_back(
        {.time_ns = 1000 * (i + 1),
         .bytes = arp_frame({.src = mac_of(who)}, {.sender_mac = mac_of(who), .sender = who})});
  }
  for (unsigned i = 0; i < strangers; ++i) {
    passes::FlowKey k = key_of(i, in);
    k.dst_port = 4711, k.tcp = true;
    frames.push_back({.time_ns = 1'000'000 * (i + 1), .bytes = request(k)});
    ++planned[card.deliver(k)->queue];
  }
  ASSERT_EQ(planned.size(), 2u);
  EXPECT_EQ(planned.begin()->first, 2u);
  auto stack = Stack::make(plan, in, frames, {.trace = true, .frames = 16384, .app = app()});
  ASSERT_TRUE(stack) << diag::render(stack.error(), false);
  (*stack)->run(3'000'000'000);
  for (const Walked& walk : (*stack)->walks)
    if (std::find(walk.path.begin(), walk.path.end(), "tcp_receive") != walk.path.end())
      ++seen[walk.queue];
  EXPECT_EQ(seen, planned);
  unsigned resets = 0;
  for (const ports::Frame& frame : (*stack)->out()) {
    const std::size_t l3 = network_header(frame.bytes);
    if (network_type(frame.bytes) != 0x0800 || frame.bytes.at(l3 + 9) != 6) continue;
    EXPECT_EQ(frame.bytes.at(l3 + 33) & 0x04, 0x04);
    ++resets;
  }
  EXPECT_EQ(resets, strangers);
  (*stack)->stop();
}

// Where a frame goes, on the card that the plan sets up: its queue, and the nodes behind.
Walked walk_of(const plan::Plan& plan, const passes::Inputs& in, const Bytes& frame) {
  auto stack = Stack::make(plan, in, {{.time_ns = 1000, .bytes = frame}},
                           {.trace = true, .frames = 16384, .app = app()});
  if (!stack) {
    ADD_FAILURE() << diag::render(stack.error(), false);
    return {};
  }
  (*stack)->run(1'000'000);
  const auto walks = (*stack)->walks;
  (*stack)->stop();
  EXPECT_FALSE(walks.empty());
  return walks.empty() ? Walked{} : walks.front();
}

// A region on queues whose residue knows nothing but flows, or whose type is not hashed: refused,
// with a packet that goes another way.
TEST(QueueGroups, FaultsOfARegionAreRefusedAndSeen) {
  start_dpdk();
  passes::Inputs in = tcp_inputs("intel_xl710", "host");
  ir::Workload& w = in.workload;
  w.queues = 8;
  w.cores = 2;
  w.sets.clear();
  w.flows.clear();
  w.endpoints.resize(2);
  w.endpoints[0].groups.clear();
  w.endpoints[0].rate = 10;
  ir::Endpoint& e = w.endpoints[1];
  e = w.endpoints[0];
  e.name = "store", e.tcp = true, e.port = port, e.rate = 1000, e.exclusive = true;
  e.queues = ir::QueueRange{6, 7};
  for (unsigned i = 0; i < 12; ++i)
    w.flows.push_back({.src = on_link(10 + i),
                       .src_port = 5000,
                       .dst_port = w.endpoints[0].port,
                       .endpoint = 0,
                       .rate = 100});
  const plan::Plan plan = must(passes::compile(in, {.prove = false, .certify = false}));
  for (const unsigned closed : {2u, 3u, 4u, 5u})
    ASSERT_EQ(plan::residue_of_queue(plan, closed)->queue_class, "flows") << closed;
  unsigned planted = 0, by_check = 0;
  for (const Fault& fault : faults_of(plan, in)) {
    const bool moved = fault.kind == "group's queues" &&
                       (fault.place.ends_with(" 2-3") || fault.place.ends_with(" 4-5"));
    const bool among_others = fault.kind == "group's queues" && fault.place.ends_with(" 0-1");
    const bool unhashed = fault.kind == "RSS type missing" && fault.place == "ipv4_tcp";
    if (!moved && !among_others && !unhashed) continue;
    ++planted;
    plan::Plan faulty = plan;
    fault.plant(faulty);
    const auto verdict = passes::verify_plan(faulty, in);
    if (!verdict) {
      EXPECT_TRUE(among_others) << fault.place << "\n" << diag::render(verdict.error(), false);
      ++by_check;
      continue;
    }
    EXPECT_FALSE(verdict->proved) << fault.kind << " " << fault.place;
    ASSERT_TRUE(verdict->counterexample) << fault.kind << " " << fault.place;
    const Bytes& frame = verdict->counterexample->frame;
    ASSERT_FALSE(frame.empty());
    if (moved) {
      EXPECT_NE(walk_of(plan, in, frame).path, walk_of(faulty, in, frame).path) << fault.place;
      continue;
    }
    // All of them are on the first queue, and who opens a connection expects some on the other.
    const Owners owners = plan::owners_of(faulty);
    unsigned astray = 0;
    for (unsigned i = 0; i < 16 && astray == 0; ++i) {
      passes::FlowKey k = key_of(i, in);
      k.tcp = true;
      const int home = owners.of_connection({k.src, k.dst, k.src_port, k.dst_port});
      if (home != 7) continue;
      EXPECT_EQ(walk_of(plan, in, request(k)).queue, 7u);
      EXPECT_EQ(walk_of(faulty, in, request(k)).queue, 6u);
      ++astray;
    }
    EXPECT_EQ(astray, 1u);
  }
  EXPECT_EQ(planted, 4u);
  EXPECT_EQ(by_check, 1u);
}

}  // namespace
}  // namespace weft::sim
