#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "stack-nodes/udp/build.h"
#include "stack-nodes/udp/checksum_fill.h"
#include "stack-nodes/udp/checksum_ok.h"
#include "stack-nodes/udp/checksum_request.h"
#include "stack-nodes/udp/find_flow.h"
#include "stack-nodes/udp/find_port.h"
#include "stack-nodes/udp/flow_from_mark.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

using namespace nodes;

// scapy: IP(src="10.0.0.1", dst="10.0.0.2", id=0x1234)/UDP(sport=4000, dport=7)/"hello, weft"
const Bytes scapy_udp = from_hex(
    "02000000000202000000000108004500002712340000401154900a0000010a000002"
    "0fa0000700139e4268656c6c6f2c2077656674");
// A payload whose checksum comes out as 0 and is sent as 0xffff.
const Bytes scapy_zero = from_hex(
    "02000000000202000000000108004500001e00010000401166cc0a0000010a000002"
    "00010002000affffebd4");

TEST(udp_checksum_ok, right_ones) {
  TestCore core;
  EXPECT_TRUE(udp::ChecksumOk::run(core.opened(scapy_udp), core));
  EXPECT_TRUE(udp::ChecksumOk::run(core.opened(scapy_zero), core));
}

TEST(udp_checksum_ok, every_wrong_bit) {
  TestCore core;
  for (unsigned bit = 26 * 8; bit < scapy_udp.size() * 8; ++bit) {
    if (bit / 8 == 38 || bit / 8 == 39) continue;  // its length: checked before
    Packet p = core.opened(scapy_udp);
    p.data[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(udp::ChecksumOk::run(p, core)) << bit;
    core.release(p);
  }
}

TEST(udp_checksum_ok, none_is_fine) {
  TestCore core;
  Packet p = core.opened(scapy_udp);
  set<field::udp::checksum>(p, 0);
  EXPECT_TRUE(udp::ChecksumOk::run(p, core));
}

// RFC 768: the length in the UDP header counts, not what is behind it in the datagram.
TEST(udp_checksum_ok, shorter_than_the_datagram) {
  TestCore core;
  Bytes inner = PacketBuilder("abc").udp(4000, 7).bytes();
  inner.push_back(0x99);
  inner.push_back(0x98);
  EXPECT_TRUE(
      udp::ChecksumOk::run(core.opened(PacketBuilder(inner).ipv4({}).eth(0x0800).bytes()), core));
}

TEST(udp_checksum_fill, as_scapy) {
  TestCore core;
  for (const Bytes& frame : {scapy_udp, scapy_zero}) {
    Packet p = core.opened(frame);
    set<field::udp::checksum>(p, 0x5555);
    udp::ChecksumFill::run(p, core);
    EXPECT_EQ(frame_of(p), frame);
  }
}

TEST(udp_checksum_fill, is_ok_and_never_none) {
  EXPECT_TRUE(rc::check([](Bytes payload, std::uint32_t src, std::uint16_t port) {
    TestCore core;
    Packet p = core.opened(
        PacketBuilder(payload).udp(port, 7).ipv4({.src = src}).eth(0x0800).pad(60).bytes());
    udp::ChecksumFill::run(p, core);
    RC_ASSERT(get<field::udp::checksum>(p) != 0);
    RC_ASSERT(udp::ChecksumOk::run(p, core));
  }));
}

// What a card does with the field: it sums the whole datagram, the field included, and complements.
TEST(udp_checksum_request, a_card_that_sums_up_makes_it_right) {
  TestCore core;
  Packet p = core.opened(scapy_udp);
  udp::ChecksumRequest::run(p, core);
  EXPECT_EQ(p.tx_requests, 1);
  const std::uint16_t by_card = slow_checksum(Bytes(p.data + p.l4, p.data + p.end));
  set<field::udp::checksum>(p, by_card);
  EXPECT_EQ(frame_of(p), scapy_udp);
}

TEST(udp_build, header_of_what_is_sent) {
  TestCore core;
  Bytes frame(42, 0xcc);
  for (const char c : std::string("hello, weft")) frame.push_back(static_cast<std::uint8_t>(c));
  Packet p = core.packet(frame);
  p.l4 = 34;
  p.end = p.len;
  p.ports = ports_of(7, 4000);
  udp::Build::run(p, core);
  EXPECT_EQ(Bytes(p.data + 34, p.data + 42), from_hex("00070fa000130000"));
  EXPECT_EQ(p.protocol, 17);
}

TEST(udp_find_flow, hit_and_miss) {
  using Out = udp::FindFlow::Out;
  TestCore core;
  core.udp_flows.insert({peer_address, our_address, 4000, 7}, 3);
  Packet p = core.opened(scapy_udp);
  udp::FindFlow::prefetch(p, core);
  EXPECT_EQ(udp::FindFlow::run(p, core), Out::hit);
  EXPECT_EQ(p.endpoint, 3);
  EXPECT_EQ(p.connected, 1);
  Packet other = core.opened(udp_frame("x", {}, 4001, 7));
  other.connected = 1;
  EXPECT_EQ(udp::FindFlow::run(other, core), Out::miss);
  EXPECT_EQ(other.connected, 0);
}

TEST(udp_find_port, hit_and_miss) {
  using Out = udp::FindPort::Out;
  TestCore core;
  core.udp_ports.insert(7, 2);
  Packet p = core.opened(scapy_udp);
  EXPECT_EQ(udp::FindPort::run(p, core), Out::hit);
  EXPECT_EQ(p.endpoint, 2);
  Packet other = core.opened(udp_frame("x", {}, 4000, 8));
  EXPECT_EQ(udp::FindPort::run(other, core), Out::miss);
}

TEST(udp_flow_from_mark, marks_count_from_one) {
  TestCore core;
  Packet p = core.opened(scapy_udp);
  p.mark = 8;
  p.facts |= CardFacts::marked;
  udp::FlowFromMark::run(p, core);
  EXPECT_EQ(p.endpoint, 7);
  EXPECT_EQ(p.connected, 1);
}

}  // namespace
}  // namespace weft::test
