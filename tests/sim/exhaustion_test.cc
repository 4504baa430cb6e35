// Issue B, check 9 (and attack 45): what runs out. Allocations that fail one by one, empty pools,
// full queues, applications that keep everything, buffers of odd shapes, two stacks at once.
// Whatever it is: nothing is lost that is not counted, every buffer comes back, and a host that is
// well is served as soon as there is room again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "tests/sim/compare.h"
#include "tests/sim/frames.h"
#include "tests/sim/harness.h"
#include "tests/sim/malformed.h"
#include "tests/sim/spread.h"

namespace weft::sim {
namespace {

constexpr std::uint64_t ms = 1'000'000;
constexpr std::uint64_t second = 1'000 * ms;

// Frames, each some time after the one before.
struct Script {
  std::vector<ports::Frame> frames;
  std::uint64_t now_ns = 0;

  void add(Bytes frame, std::uint64_t pause_ns = ms) {
    frames.push_back({.time_ns = now_ns, .bytes = std::move(frame)});
    now_ns += pause_ns;
  }
  void pieces(Ip ip, const Bytes& content, std::size_t each) {
    for (std::size_t at = 0; at < content.size(); at += each) {
      const std::size_t n = std::min(each, content.size() - at);
      ip.fragment = static_cast<std::uint16_t>((at + n < content.size() ? 0x2000 : 0) | at / 8);
      const auto from = content.begin() + static_cast<std::ptrdiff_t>(at);
      add(ip_frame({.src = mac_of(ip.src)}, ip,
                   Bytes(from, from + static_cast<std::ptrdiff_t>(n))));
    }
  }
  // malformed.h knows what the answers must be. Behind it no frame comes any more.
  std::uint64_t end_with_probe() {
    now_ns += 100 * second;
    const std::uint64_t begin = now_ns;
    for (Bytes& frame : probe()) add(std::move(frame), 10 * ms);
    return begin;
  }
};

Bytes from_host(unsigned last, std::uint16_t port = 5000) {
  return udp_frame({.src = mac_of(on_link(last))}, {.src = on_link(last)}, {.src_port = port},
                   Bytes(30, 1));
}

// One of everything that asks for a buffer: answers, errors, ARP requests of our own and packets
// that wait for them, datagrams put together in small and in large buffers.
Script everything() {
  Script s;
  s.add(arp_frame({.dst = to_all}, {}));
  s.add(icmp_frame({}, {}, {}, Bytes(40, 2)));
  s.add(udp_frame({}, {}, {}, Bytes(100, 3)));
  s.add(udp_frame({}, {}, {.src_port = 5001, .dst_port = 4}, Bytes(100, 3)));
  for (unsigned i = 0; i < 4; ++i) s.add(from_host(100), 0);
  s.add(arp_frame({.src = mac_of(on_link(100))}, {.operation = 2,
                                                  .sender_mac = mac_of(on_link(100)),
                                                  .sender = on_link(100),
                                                  .target_mac = own_mac}));
  s.add(from_host(101), 5 * second);  // who never answers
  for (const std::size_t bytes : {600u, 1400u, 5000u, 60'000u}) {
    Ip ip{.id = static_cast<std::uint16_t>(bytes)};
    s.pieces(ip, udp_segment(ip, {.src_port = 5002}, Bytes(bytes, 4)), bytes < 5000 ? 512 : 1480);
    ip.protocol = 1;
    s.pieces(ip, icmp_message({}, Bytes(bytes, 5)), bytes < 5000 ? 512 : 1480);
  }
  s.add(udp_frame({}, {.dst = 0xc6336409, .ttl = 1}, {.src_port = 5003}, Bytes(40, 6)));
  s.add(udp_frame({}, {.dst = 0xc6336409}, {.src_port = 5003}, Bytes(40, 6)));
  return s;
}

struct Ran {
  observe::Snapshot snapshot;
  std::unique_ptr<Stack> stack;
  std::uint64_t in(const std::string& reason) const {
    std::uint64_t n = 0;
    for (const auto& drop : snapshot.card.drops) n += drop.reason == reason ? drop.count : 0;
    return n;
  }
  std::uint64_t sum(std::uint64_t engine::ShardCounters::*counter) const {
    std::uint64_t n = 0;
    for (const auto& queue : snapshot.queues) n += queue.counters.*counter;
    return n;
  }
};

void check(const Ran& ran, std::uint64_t probe_ns) {
  const auto balance = observe::balance(ran.snapshot);
  EXPECT_TRUE(balance.exact()) << balance.text();
  EXPECT_EQ(ran.stack->buffers_in_use(), 0u);
  EXPECT_EQ(answers_to_probe(ran.stack->out(), probe_ns), "arp echo datagram");
}

Ran run(const plan::Plan& plan, const passes::Inputs& in, std::vector<ports::Frame> frames,
        const StackOptions& options) {
  auto stack = must(Stack::make(plan, in, std::move(frames), options));
  stack->run(40 * second);
  observe::Snapshot snapshot = stack->stop();
  return {std::move(snapshot), std::move(stack)};
}

struct Planned {
  passes::Inputs in;
  plan::Plan plan;
};
Planned planned(const std::string& nic, unsigned queues, unsigned cores) {
  start_dpdk();
  Planned p{.in = inputs(nic, "forwarder"), .plan = {}};
  p.plan = must(passes::compile(p.in, {.queues = queues, .prove = false}));
  spread(p.plan, std::min(cores, p.plan.configuration.rx_queues));
  return p;
}

class Exhaustion : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Cards, Exhaustion, testing::ValuesIn(nics),
                         [](const auto& info) { return info.param; });

TEST_P(Exhaustion, EachAllocationFailsOnce) {
  const Planned p = planned(GetParam(), 2, 2);
  Failures counted;
  run(p.plan, p.in, everything().frames, {.guarded = true, .failures = &counted});
  ASSERT_GT(counted.calls, 100u);
  Script script = everything();
  const std::uint64_t probe_ns = script.end_with_probe();
  // By day some of them, spread over the whole run.
  const std::uint64_t step = nightly() ? 1 : std::max<std::uint64_t>(1, counted.calls / 60);
  std::uint64_t runs = 0;
  for (std::uint64_t k = 0; k < counted.calls; k += step, ++runs) {
    SCOPED_TRACE(fmt::format("allocation {}", k));
    Failures failures{.only = k};
    check(run(p.plan, p.in, script.frames, {.guarded = true, .failures = &failures}), probe_ns);
    EXPECT_EQ(failures.failed, 1u);
  }
  std::cout << fmt::format("{} allocations, {} of them failed in a run of its own\n", counted.calls,
                           runs);
}

TEST_P(Exhaustion, EveryKthAllocationFails) {
  const Planned p = planned(GetParam(), 4, 2);
  for (const std::uint64_t k : {2, 3, 4, 5, 7, 11, 16, 31, 64}) {
    SCOPED_TRACE(k);
    Failures failures{.every = k};
    const auto frames = malformed({.kinds = 3'000, .mutations = 500, .seed = k}).frames;
    const Ran ran = run(p.plan, p.in, frames, {.guarded = true, .failures = &failures});
    EXPECT_GT(failures.failed, 0u);
    const auto balance = observe::balance(ran.snapshot);
    EXPECT_TRUE(balance.exact()) << balance.text();
    EXPECT_EQ(ran.stack->buffers_in_use(), 0u);
  }
}

// More hosts than a pool has buffers are asked for, and never answer: what waits for them holds all
// there are. They are given up after 3 s, and everything goes on.
TEST_P(Exhaustion, EmptyPool) {
  const Planned p = planned(GetParam(), 2, 1);
  Script script;
  for (unsigned last = 10; last < 250; ++last) script.add(from_host(last), 0);
  const std::uint64_t probe_ns = script.end_with_probe();
  const Ran ran = run(p.plan, p.in, script.frames, {.frames = 100});
  check(ran, probe_ns);
}

TEST_P(Exhaustion, FullReceiveQueue) {
  const Planned p = planned(GetParam(), 4, 1);
  Script script;
  script.add(arp_frame({.dst = to_all}, {}));
  for (unsigned i = 0; i < 3000; ++i)
    script.add(
        udp_frame({}, {}, {.src_port = static_cast<std::uint16_t>(40'000 + i % 40)}, Bytes(20, 1)),
        0);
  const std::uint64_t probe_ns = script.end_with_probe();
  // An application whose answers keep the core busy would be slow; here the wire is fast instead:
  // it fills the queue, which holds less than a burst, in one go.
  const Ran ran = run(p.plan, p.in, script.frames, {.ring_size = 16, .wait_for_room = false});
  check(ran, probe_ns);
  EXPECT_EQ(ran.snapshot.card.received, script.frames.size());
}

// What four receive queues answer at once is more than the card takes.
TEST(Exhausted, FullTransmitQueue) {
  const Planned p = planned("intel_82599", 4, 1);
  Script script;
  script.add(arp_frame({.dst = to_all}, {}));
  for (unsigned i = 0; i < 4000; ++i)
    script.add(udp_frame({}, {.src = on_link(1)},
                         {.src_port = static_cast<std::uint16_t>(40'000 + i % 4000)}, Bytes(20, 1)),
               0);
  const std::uint64_t probe_ns = script.end_with_probe();
  const Ran ran = run(p.plan, p.in, script.frames, {.narrow = 8});
  check(ran, probe_ns);
  EXPECT_GT(ran.sum(&engine::ShardCounters::transmit_full), 1'000u);
}

// An application that gives nothing back, until it is told to.
struct Keeper {
  std::vector<std::uint64_t> tokens;
  bool keep = true;
} keeper;

const weft_app keeping_app = {.abi = WEFT_APP_ABI,
                              .size = sizeof(keeping_app),
                              .name = "keeper",
                              .create = [](const weft_app_config*) -> void* { return &keeper; },
                              .destroy = [](void*) {},
                              .datagram =
                                  [](void*, const weft_host* host, const weft_datagram* event) {
                                    if (event->len == 4) {  // the probe: from here on it behaves
                                      for (const std::uint64_t token : keeper.tokens)
                                        host->recv_done(host->context, token);
                                      keeper.tokens.clear();
                                    }
                                    const weft_part part = {.data = event->data, .len = event->len};
                                    const weft_send answer = {
                                        .size = sizeof(answer),
                                        .endpoint = event->endpoint,
                                        .dst = event->src,
                                        .dst_port = event->src_port,
                                        .reserved = 0,
                                        .parts = &part,
                                        .part_count = 1,
                                        .token = event->len == 4 ? event->token : 0};
                                    if (event->len == 4) {
                                      host->send(host->context, &answer);
                                    } else {
                                      keeper.tokens.push_back(event->token);
                                    }
                                  },
                              .tick = nullptr};

TEST(Exhausted, ApplicationThatKeepsEverything) {
  const Planned p = planned("intel_82599", 2, 1);
  keeper = {};
  Script script;
  script.add(arp_frame({.dst = to_all}, {}));
  for (unsigned i = 0; i < 2000; ++i)
    script.add(
        udp_frame({}, {}, {.src_port = static_cast<std::uint16_t>(40'000 + i % 40)}, Bytes(20, 1)),
        0);
  // The first datagram that it wants to answer is refused: it holds as many as it may. But that
  // one, or a ping, must not be all that is ever answered.
  const Ran ran = run(p.plan, p.in, script.frames, {.app = &keeping_app});
  const auto balance = observe::balance(ran.snapshot);
  EXPECT_TRUE(balance.exact()) << balance.text();
  EXPECT_EQ(ran.stack->buffers_in_use(), 0u) << "taken back when the stack stops";
  std::uint64_t refused = 0;
  for (const auto& app : ran.snapshot.apps) refused += app.counters.refused;
  EXPECT_EQ(refused, 2000u - apps::AppHost::most_held);
}

// A frame is the same frame in whatever buffers it comes.
TEST(Exhausted, OddBuffers) {
  Planned p = planned("none", 1, 1);
  p.in.nic.rx_segments = 4;
  const Malformed frames = malformed({.kinds = 5'000, .mutations = 5'000});
  const Ran plain = run(p.plan, p.in, frames.frames, {});
  const Ran odd = run(p.plan, p.in, frames.frames, {.odd_buffers = true});
  check(odd, frames.probe_ns);
  EXPECT_EQ(odd.stack->ends(), plain.stack->ends());
  ASSERT_EQ(odd.stack->out().size(), plain.stack->out().size());
  for (std::size_t i = 0; i < odd.stack->out().size(); ++i)
    ASSERT_EQ(odd.stack->out()[i].bytes, plain.stack->out()[i].bytes) << i;
  EXPECT_GT(odd.sum(&engine::ShardCounters::linearised), 1'000u);
}

// Two stacks in one process, one after the other and side by side, share nothing.
TEST(Exhausted, TwoAtOnce) {
  const Planned p = planned("intel_82599", 2, 2);
  Script script = everything();
  const std::uint64_t probe_ns = script.end_with_probe();
  auto first = must(Stack::make(p.plan, p.in, script.frames, {}));
  auto other = must(Stack::make(p.plan, p.in, script.frames, {.seed = 2}));
  other->run(40 * second);
  first->run(40 * second);
  for (Stack* stack : {first.get(), other.get()}) {
    const auto balance = observe::balance(stack->stop());
    EXPECT_TRUE(balance.exact()) << balance.text();
    EXPECT_EQ(stack->buffers_in_use(), 0u);
    EXPECT_EQ(answers_to_probe(stack->out(), probe_ns), "arp echo datagram");
  }
}

}  // namespace
}  // namespace weft::sim
