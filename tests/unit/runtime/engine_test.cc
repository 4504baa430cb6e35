// The engine: every packet ends somewhere with a name, whatever the card and the number of queues.
#include "tests/unit/runtime/sim_stack.h"

namespace weft::test {
namespace {

// A UDP datagram in pieces of `step` payload bytes each.
std::vector<Bytes> pieces(const Bytes& whole, unsigned step) {
  std::vector<Bytes> out;
  const std::size_t body = whole.size() - 34;
  for (std::size_t at = 0; at < body; at += step) {
    const std::size_t n = std::min<std::size_t>(step, body - at);
    Bytes b(whole.begin(), whole.begin() + 34);
    b.insert(b.end(), whole.begin() + 34 + static_cast<long>(at),
             whole.begin() + 34 + static_cast<long>(at + n));
    put16(b, 16, static_cast<unsigned>(20 + n));
    put16(b, 20, static_cast<unsigned>((at + n < body ? 0x2000 : 0) | at / 8));
    put16(b, 24, 0);
    put16(b, 24, 0xffff & ~reference_sum(Bytes(b.begin() + 14, b.begin() + 34)));
    out.push_back(std::move(b));
  }
  return out;
}

class EveryCard : public testing::TestWithParam<std::tuple<std::string, unsigned, unsigned>> {};

TEST_P(EveryCard, EchoesEveryDatagramAndAccountsForEveryFrame) {
  const auto& [nic, queues, cores] = GetParam();
  std::vector<Bytes> frames = {arp_request()};
  for (unsigned i = 0; i < 300; ++i)
    frames.push_back(build(to_echo(static_cast<std::uint16_t>(40000 + i % 60), Bytes(i, 0x31))));
  UdpFrame wrong = to_echo(40001, Bytes(20, 1));
  Bytes broken = build(wrong);
  broken[41] ^= 1;  // the UDP checksum
  frames.insert(frames.end(), 5, broken);
  wrong.dst_port = 9;
  frames.insert(frames.end(), 3, build(wrong));
  frames.push_back(Bytes(9, 0));
  // Fragments of a datagram whose flow may belong to another queue.
  for (unsigned flow = 0; flow < 8; ++flow) {
    for (auto& piece : pieces(build(to_echo(static_cast<std::uint16_t>(40000 + flow),
                                            Bytes(600, static_cast<std::uint8_t>(flow)))),
                              256)) {
      put16(piece, 18, 100 + flow);
      put16(piece, 24, 0);
      put16(piece, 24, 0xffff & ~reference_sum(Bytes(piece.begin() + 14, piece.begin() + 34)));
      frames.push_back(piece);
    }
  }
  TestApp app;
  app.on_datagram = [](const weft_host& host, const weft_datagram& event) {
    EXPECT_EQ(event.src, client_ip);
    EXPECT_EQ(echo(host, event), 0);
  };
  const auto plan = compiled(nic, queues, cores);  // may have fewer queues and cores than asked for
  SimStack stack(plan, nic, frames, "every");
  stack.run();
  const auto s = stack.stop();
  const auto sums = observe::balance(s);
  EXPECT_TRUE(sums.exact()) << sums.text();
  EXPECT_EQ(count_of(s, "udp_deliver"), 308u);
  EXPECT_EQ(count_of(s, "drop_udp_checksum"), 5u);
  EXPECT_EQ(count_of(s, "drop_udp_no_endpoint"), 3u);
  EXPECT_EQ(count_of(s, "drop_eth_truncated"), 1u);
  EXPECT_EQ(stack.out().size(), 1u + 308 + 3);  // ARP answer, echoes, port unreachable
  EXPECT_EQ(app.created, plan.cores.size()) << "one instance for each net core";
  EXPECT_EQ(stack.pools().in_use(), 0u) << "a buffer was lost";
}

INSTANTIATE_TEST_SUITE_P(Cards, EveryCard,
                         testing::Values(std::tuple{"none", 1u, 1u}, std::tuple{"tap", 2u, 2u},
                                         std::tuple{"intel_82599", 1u, 1u},
                                         std::tuple{"intel_82599", 4u, 1u},
                                         std::tuple{"intel_82599", 4u, 3u},
                                         std::tuple{"intel_e810", 4u, 2u},
                                         std::tuple{"ideal", 4u, 4u}),
                         [](const auto& info) {
                           return std::get<0>(info.param) + "_" +
                                  std::to_string(std::get<1>(info.param)) + "q" +
                                  std::to_string(std::get<2>(info.param)) + "c";
                         });

TEST(Engine, HandsAReassembledDatagramToTheShardThatOwnsItsFlow) {
  const auto plan = compiled("intel_82599", 4, 2);
  std::vector<Bytes> frames = {arp_request()};
  for (const auto& flow : plan.flows) {
    for (auto& piece : pieces(build(to_echo(flow.src_port, Bytes(300, 7))), 128)) {
      put16(piece, 18, flow.src_port);
      put16(piece, 24, 0);
      put16(piece, 24, 0xffff & ~reference_sum(Bytes(piece.begin() + 14, piece.begin() + 34)));
      frames.push_back(piece);
    }
  }
  TestApp app;
  app.on_datagram = [](const weft_host& host, const weft_datagram& event) { echo(host, event); };
  SimStack stack(plan, "intel_82599", frames, "handover");
  stack.run();
  const auto s = stack.stop();
  std::uint64_t elsewhere = 0;
  for (const auto& queue : s.queues) elsewhere += queue.counters.taken_over;
  // All fragments of one host hash alike, so at most one queue's flows are at home.
  std::vector<std::uint64_t> flows_of(4, 0);
  for (const auto& flow : plan.flows) ++flows_of[flow.queue];
  EXPECT_GE(elsewhere, plan.flows.size() - *std::max_element(flows_of.begin(), flows_of.end()));
  for (const auto& queue : s.queues) {
    std::uint64_t hits = 0;
    for (const auto& node : queue.nodes) {
      for (const auto& port : node.ports)
        hits += node.impl == "udp.find_flow" && port.port == "hit" ? port.packets : 0;
    }
    EXPECT_EQ(hits, flows_of[queue.queue]) << "queue " << queue.queue;
  }
  EXPECT_TRUE(observe::balance(s).exact()) << observe::balance(s).text();
}

// Everything is there at once: 90 frames for the queue that goes first, behind 600 for others.
unsigned others_in_front(bool priority) {
  auto plan = compiled("intel_82599", 4, 1);
  if (priority) plan.cores[0].priority = {3};
  std::vector<std::uint16_t> gold, other;
  for (const auto& f : plan.flows) (f.queue == 3 ? gold : other).push_back(f.src_port);
  std::vector<Bytes> frames;
  for (unsigned i = 0; i < 600; ++i)
    frames.push_back(build(to_echo(other[i % other.size()], Bytes(20, 1))));
  for (unsigned i = 0; i < 90; ++i)
    frames.push_back(build(to_echo(gold[i % gold.size()], Bytes(20, 1))));
  unsigned before = 0, others = 0, seen = 0;
  TestApp app;
  app.on_datagram = [&](const weft_host&, const weft_datagram& event) {
    if (std::find(gold.begin(), gold.end(), event.src_port) == gold.end()) {
      ++others;
    } else {
      ++seen;
      before = others;
    }
  };
  SimStack stack(plan, "intel_82599", {}, "priority");
  stack.inject(frames);
  while (stack.card().poll() != 0) {  // the card is faster than the core
  }
  stack.run(1'000'000);
  EXPECT_EQ(seen, 90u);
  EXPECT_EQ(others, 600u);
  stack.stop();
  return before;
}

TEST(Engine, QueuesOfPriorityAreEmptyBeforeAnyOtherIsServed) {
  EXPECT_LE(others_in_front(true), 32u) << "a batch that was begun";
  EXPECT_GT(others_in_front(false), 6 * 32u) << "or this shows nothing";
}

TEST(Engine, WhatOneShardLearnsAllShardsKnow) {
  TestApp app;
  SimStack stack(compiled("intel_82599", 4, 2), "intel_82599", {arp_request()}, "learn");
  stack.run(500'000'000);
  for (const auto& core : stack.engine().cores()) {
    for (const auto& shard : core->shards)
      EXPECT_EQ(shard->core.neighbours.find(client_ip), client_mac) << shard->index;
  }
}

TEST(Engine, GivesUpPacketsWhoseNextHopNeverAnswers) {
  TestApp app;
  bool sent = false;
  app.on_tick = [&sent](const weft_host& host) {
    if (sent) return;
    sent = true;
    const weft_part part = {"hello", 5};
    const weft_send command = {.size = sizeof(command),
                               .endpoint = 0,
                               .dst = 0x0a070063,
                               .dst_port = 5,
                               .reserved = 0,
                               .parts = &part,
                               .part_count = 1,
                               .token = 0};
    EXPECT_EQ(host.send(host.context, &command), 0);
  };
  SimStack stack(compiled("none"), "none", {}, "giveup");
  stack.run(10'000'000'000);
  const auto s = stack.stop();
  EXPECT_EQ(stack.out().size(), 3u);  // three questions
  EXPECT_EQ(s.queues.front().tables.given_up, 1u);
  EXPECT_TRUE(observe::balance(s).exact()) << observe::balance(s).text();
  EXPECT_EQ(stack.pools().in_use(), 0u);
}

TEST(Engine, RefusesPlansThatDoNotFitTogether) {
  start_eal();
  const auto good = compiled("intel_82599", 4, 2);
  const auto refused = [&](plan::Plan plan) {
    ports::VirtualClock time;
    const engine::Clock clock(time);
    auto pools =
        must(engine::Pools::make("refuse", {.frames = 255, .frame_bytes = 2048, .large = 1}));
    ports::SimWire wire("sim", {}, time, pools->frames);
    auto card = must(emulator::EmulatedCard::make(model("intel_82599"), fields(), wire));
    TestApp app;
    auto made = engine::Engine::make(plan, fields(), *card, *pools, clock, {TestApp::library()},
                                     {.name = "refuse"});
    return !made && made.error().list.front().code == "E0651";
  };
  EXPECT_FALSE(refused(good));
  auto plan = good;
  plan.cores[0].queues.push_back(plan.cores[1].queues[0]);
  EXPECT_TRUE(refused(plan)) << "a queue on two cores";
  plan = good;
  plan.cores[0].queues.pop_back();
  EXPECT_TRUE(refused(plan)) << "a queue on no core";
  plan = good;
  plan.configuration.tx_queues = 1;
  EXPECT_TRUE(refused(plan)) << "two cores on one transmit queue";
  plan = good;
  plan.residues.pop_back();
  EXPECT_TRUE(refused(plan)) << "a queue without residue";
  plan = good;
  plan.flows[0].endpoint = 1;
  EXPECT_TRUE(refused(plan)) << "a flow to nowhere";
}

}  // namespace
}  // namespace weft::test
