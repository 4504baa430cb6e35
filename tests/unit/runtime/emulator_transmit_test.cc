// Transmit: what the card fills in is compared with sums made independently of it.
#include <rte_ip.h>

#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

struct Request {
  bool ip = false, udp = false, vlan = false;
};

// A frame as the engine hands it over: checksum fields that are asked for hold 0 and the sum of the
// pseudo header.
rte_mbuf* to_send(const UdpFrame& f, const Request& ask, std::size_t first_segment = 0) {
  Bytes b = build(f);
  const std::size_t l3 = l3_of(f), l4 = l4_of(f);
  if (ask.ip) put16(b, l3 + 10, 0);
  if (ask.udp) {
    Bytes pseudo(b.begin() + l3 + 12, b.begin() + l3 + 20);
    pseudo.insert(pseudo.end(), {0, 17, b[l4 + 4], b[l4 + 5]});
    put16(b, l4 + 6, reference_sum(pseudo));
  }
  rte_mbuf* m = rte_pktmbuf_alloc(packet_pool());
  const std::size_t split = first_segment == 0 ? b.size() : first_segment;
  std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(split)), b.data(), split);
  for (std::size_t at = split; at < b.size();) {
    const std::size_t n = std::min<std::size_t>(b.size() - at, 7);  // odd: sums must swap
    rte_mbuf* next = rte_pktmbuf_alloc(packet_pool());
    std::memcpy(rte_pktmbuf_append(next, static_cast<std::uint16_t>(n)), b.data() + at, n);
    EXPECT_EQ(rte_pktmbuf_chain(m, next), 0);
    at += n;
  }
  if (ask.ip || ask.udp) m->ol_flags |= RTE_MBUF_F_TX_IPV4;
  if (ask.ip) m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
  if (ask.udp) m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
  m->l2_len = l3;
  m->l3_len = f.ihl * 4U;
  if (ask.vlan) {
    m->ol_flags |= RTE_MBUF_F_TX_VLAN;
    m->vlan_tci = 0x6123;
  }
  return m;
}

void send(Bench& bench, rte_mbuf* m) {
  ASSERT_EQ(bench.card->tx_burst(0, &m, 1), 1);
  bench.card->poll();
}

Bytes with_tag(Bytes b, unsigned tci) {
  b.insert(b.begin() + 12,
           {0x81, 0x00, static_cast<std::uint8_t>(tci >> 8), static_cast<std::uint8_t>(tci)});
  return b;
}

class EmulatorTransmit : public testing::TestWithParam<const char*> {};

// Every combination of requests on random datagrams: build() made the right frame already.
TEST_P(EmulatorTransmit, FillsInWhatIsAskedFor) {
  std::mt19937_64 random(5);
  Bench bench(GetParam());
  bench.start();
  for (int i = 0; i < 800; ++i) {
    UdpFrame f = random_udp(random);
    f.padding = 0;
    Request ask{random() % 2 == 0, random() % 2 == 0, random() % 2 == 0};
    if (f.vlan >= 0) ask.vlan = false;
    rte_eth_dev_info info{};
    bench.control().info(info);
    if ((info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) == 0) ask.vlan = false;
    send(bench, to_send(f, ask));
    ASSERT_EQ(bench.wire.out.size(), static_cast<std::size_t>(i) + 1);
    ASSERT_EQ(bench.wire.out.back(), ask.vlan ? with_tag(build(f), 0x6123) : build(f)) << i;
    ASSERT_EQ(bench.wire.flags.back(), 0U) << "nothing is left to do below the card";
  }
}

INSTANTIATE_TEST_SUITE_P(Cards, EmulatorTransmit,
                         testing::Values("tap", "intel_82599", "intel_e810", "ideal"));

TEST(EmulatorTransmitLimits, SumOverSegments) {
  std::mt19937_64 random(6);
  Bench bench("ideal");
  bench.start();
  for (int i = 0; i < 200; ++i) {
    UdpFrame f = random_udp(random);
    f.padding = 0;
    f.payload.resize(60 + random() % 100);
    // Headers in the first segment, with 0 to 6 bytes of payload.
    send(bench, to_send(f, {true, true, false}, l4_of(f) + 8 + i % 7));
    ASSERT_EQ(bench.wire.out.back(), build(f)) << i;
  }
}

TEST(EmulatorTransmitLimits, AUnitThatIsOffLeavesTheFrameAsItIs) {
  Bench bench("intel_82599");
  rte_eth_conf conf = bench.everything();
  conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
  bench.start(conf);
  const UdpFrame f;
  send(bench, to_send(f, {true, true, true}));
  const Bytes& out = bench.wire.out.back();
  const Bytes right = build(f);
  EXPECT_EQ(out.size(), right.size()) << "no tag";
  EXPECT_EQ(get16(out, 24), get16(right, 24)) << "IPv4 is on";
  EXPECT_NE(get16(out, 40), get16(right, 40)) << "UDP goes out with the pseudo header's sum";
  Bench none("none");
  none.start();
  send(none, to_send(f, {true, true, true}));
  EXPECT_EQ(get16(none.wire.out.back(), 24), 0U);
}

TEST(EmulatorTransmitLimits, ZeroIsSentAsOnes) {
  Bench bench("intel_82599");
  bench.start();
  UdpFrame f;
  f.payload = {0, 0};
  // The last two bytes make the sum come out as 0xffff, its complement 0.
  const Bytes first = build(f);
  put16(f.payload, 0, get16(first, 40));
  const Bytes right = build(f);
  ASSERT_EQ(get16(right, 40), 0xffffU);
  send(bench, to_send(f, {true, true, false}));
  EXPECT_EQ(bench.wire.out.back(), right);
}

TEST(EmulatorTransmitLimits, WhatCannotBeSentIsCounted) {
  Bench bench("none");  // one segment
  bench.start();
  UdpFrame f;
  f.payload.resize(100);
  send(bench, to_send(f, {}, 60));
  EXPECT_TRUE(bench.wire.out.empty());
  EXPECT_EQ(bench.control().stats().transmit_failed, 1U);

  Bench full("intel_82599");
  full.start();
  full.wire.accept = 1;
  rte_mbuf* two[] = {to_send(f, {}), to_send(f, {})};
  ASSERT_EQ(full.card->tx_burst(0, two, 2), 2);
  full.card->poll();
  EXPECT_EQ(full.control().stats().transmitted, 1U);
  EXPECT_EQ(full.control().stats().queue_transmitted[0], 1U);
  EXPECT_EQ(full.control().stats().transmit_failed, 1U);
}

TEST(EmulatorTransmitLimits, StopSendsWhatTheEngineGaveAway) {
  Bench bench("none");
  bench.start();
  rte_mbuf* m = to_send({}, {});
  ASSERT_EQ(bench.card->tx_burst(0, &m, 1), 1);
  ASSERT_EQ(bench.control().stop(), 0);
  EXPECT_EQ(bench.wire.out.size(), 1U);
}

}  // namespace
}  // namespace weft::test
