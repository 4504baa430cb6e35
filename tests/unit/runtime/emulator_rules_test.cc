// The awkward rules of cards beyond the 82599 and the E810: sets of fields, masks that drivers drop
// without a word, rules that say less than their items.
#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

// Everything for a port: what I350 and I225 can say at all.
plan::Filter port_rule(std::uint16_t port, unsigned queue) {
  plan::Filter f;
  f.id = "p" + std::to_string(port);
  f.match["ipv4.protocol"] = {17, 0xff};
  f.match["udp.dst_port"] = {port, 0xffff};
  f.queue = queue;
  return f;
}

TEST(EmulatorRules, I350TakesProtocolAndPortAlone) {
  Bench bench("intel_i350", 8);
  bench.start();
  EXPECT_NE(create(bench, five_tuple(1, 2, 0, 0, true)).error, 0) << "no addresses";
  ASSERT_EQ(create(bench, port_rule(7, 5)).error, 0);
  EXPECT_EQ(bench.one(build(frame_of(1))).queue, 5);
  EXPECT_EQ(bench.one(build(frame_of(77))).queue, 5) << "whoever sends it";
  plan::Filter unsaid = port_rule(8, 1);
  unsaid.match.erase("ipv4.protocol");
  EXPECT_EQ(create(bench, unsaid).error, EINVAL) << "the IPv4 item must say the protocol";
  for (std::uint16_t port = 100; port < 107; ++port)
    ASSERT_EQ(create(bench, port_rule(port, 1)).error, 0) << port;
  EXPECT_EQ(create(bench, port_rule(107, 1)).error, ENOSPC) << "eight rules";
}

TEST(EmulatorRules, EthertypeAndSynHaveTablesOfTheirOwn) {
  Bench bench("intel_i350", 8);
  bench.start();
  plan::Filter arp;
  arp.id = "arp";
  arp.match["eth.type"] = {0x0806, 0xffff};
  arp.queue = 6;
  ASSERT_EQ(create(bench, arp).error, 0);
  EXPECT_EQ(bench.card->rules_in("ethertype"), 1U);
  Bytes frame = build({});
  put16(frame, 12, 0x0806);
  EXPECT_EQ(bench.one(frame).queue, 6);
  plan::Filter ipv4 = arp;
  ipv4.match["eth.type"] = {0x0800, 0xffff};
  ASSERT_EQ(create(bench, ipv4).error, 0) << "taken, and without effect";
  EXPECT_TRUE(bench.one(build(frame_of(1))).flags & RTE_MBUF_F_RX_RSS_HASH);
  plan::Filter syn;
  syn.id = "syn";
  syn.match["tcp.syn"] = {1, 1};
  syn.queue = 3;
  ASSERT_EQ(create(bench, syn).error, 0);
  EXPECT_EQ(bench.card->rules_in("syn"), 1U);
  UdpFrame tcp = frame_of(1);
  tcp.protocol = 6;
  tcp.payload = Bytes(20, 0);
  tcp.payload[5] = 0x02;  // 13 bytes into the TCP header
  EXPECT_EQ(bench.one(build(tcp)).queue, 3);
  tcp.payload[5] = 0x10;
  EXPECT_TRUE(bench.one(build(tcp)).flags & RTE_MBUF_F_RX_RSS_HASH) << "no connection request";
  syn.queue = 4;
  EXPECT_NE(create(bench, syn).error, 0) << "one of them";
}

TEST(EmulatorRules, X2TakesListedSetsOfFields) {
  Bench bench("solarflare_x2", 4);
  bench.start();
  ASSERT_EQ(create(bench, five_tuple(1, 1)).error, 0) << "whole connections";
  plan::Filter endpoint = five_tuple(0, 2);
  endpoint.match = {{"ipv4.dst", {0x0a000009, 0xffffffff}}, {"udp.dst_port", {9, 0xffff}}};
  ASSERT_EQ(create(bench, endpoint).error, 0) << "destination address and port";
  plan::Filter half = five_tuple(3, 1);
  half.match.erase("udp.src_port");
  const Outcome refused = create(bench, half);
  EXPECT_EQ(refused.error, ENOTSUP);
  EXPECT_EQ(refused.message, "ef10: takes no rules on this set of fields");
  UdpFrame f = frame_of(50);
  f.dst = 0x0a000009;
  f.dst_port = 9;
  EXPECT_EQ(bench.one(build(f)).queue, 2);
}

// i40e_flow.c: a mask that is not all ones does not join the input set, and nobody complains.
TEST(EmulatorRules, XL710IgnoresPartialMasks) {
  Bench bench("intel_xl710", 4);
  bench.start();
  plan::Filter subnet = five_tuple(1, 3, 9);
  subnet.match["ipv4.src"].second = 0xffffff00;
  ASSERT_EQ(create(bench, subnet).error, 0) << "taken";
  UdpFrame elsewhere = frame_of(0);
  elsewhere.src = 0x01020304;
  EXPECT_EQ(bench.one(build(elsewhere)).queue, 3) << "and catches everybody";
  plan::Filter other = five_tuple(2, 1);
  EXPECT_EQ(create(bench, other).error, EINVAL) << "another input set for UDP";
  plan::Filter tcp;
  tcp.id = "tcp";
  tcp.match = {{"ipv4.src", {0x0a010001, 0xffffffff}}, {"tcp.dst_port", {80, 0xffff}}};
  tcp.queue = 2;
  EXPECT_EQ(create(bench, tcp).error, 0) << "TCP has its own";
}

TEST(EmulatorRules, XL710RulesWithoutPortsAreForOtherProtocols) {
  Bench bench("intel_xl710", 4);
  bench.start();
  plan::Filter host;
  host.id = "host";
  host.match["ipv4.src"] = {0x0a010001, 0xffffffff};
  host.queue = 3;
  host.mark = 5;
  ASSERT_EQ(create(bench, host).error, 0);
  EXPECT_FALSE(bench.one(build(frame_of(1))).flags & RTE_MBUF_F_RX_FDIR_ID)
      << "UDP is another type";
  UdpFrame igmp = frame_of(1);
  igmp.protocol = 2;
  EXPECT_EQ(bench.one(build(igmp)).queue, 3);
}

// bnxt_flow.c: no mask on the protocol, and the UDP item does not say it either.
TEST(EmulatorRules, BnxtRulesForUdpCatchTcp) {
  Bench bench("broadcom_bnxt", 4);
  bench.start();
  ASSERT_EQ(create(bench, five_tuple(1, 3)).error, 0);
  EXPECT_EQ(bench.one(build(frame_of(1))).queue, 3);
  UdpFrame tcp = frame_of(1);
  tcp.protocol = 6;
  tcp.payload = Bytes(20, 0);
  EXPECT_EQ(bench.one(build(tcp)).queue, 3);
  EXPECT_NE(create(bench, five_tuple(2, 1, 0, 0, true)).error, 0) << "the protocol can't be said";
}

TEST(EmulatorRules, X550TakesPlainRulesInFlowDirector) {
  Bench bench("intel_x550", 64);
  bench.start();
  ASSERT_EQ(create(bench, five_tuple(1, 50)).error, 0);
  EXPECT_EQ(bench.card->rules_in("fdir"), 1U);
  EXPECT_EQ(bench.one(build(frame_of(1))).queue, 50);
}

}  // namespace
}  // namespace weft::test
