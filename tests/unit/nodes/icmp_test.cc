#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "stack-nodes/icmp/checksum_ok.h"
#include "stack-nodes/icmp/echo_reply.h"
#include "stack-nodes/icmp/error.h"
#include "stack-nodes/icmp/port_unreachable.h"
#include "stack-nodes/icmp/protocol_unreachable.h"
#include "stack-nodes/icmp/time_exceeded.h"
#include "stack-nodes/ipv4/build.h"
#include "stack-nodes/ipv4/checksum_fill.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

using namespace nodes;
using Out = icmp::PortUnreachable::Out;

// scapy: IP(src="10.0.0.1", dst="10.0.0.2", id=0x77)/ICMP(type=8, id=0x4d2, seq=3)/bytes(range(13))
const Bytes scapy_echo = from_hex(
    "020000000002020000000001080045000029007700004001665b0a0000010a000002"
    "0800c90604d20003000102030405060708090a0b0c");

TEST(icmp_checksum_ok, odd_length_and_padding) {
  TestCore core;
  Bytes frame = scapy_echo;
  frame.resize(60, 0xff);  // padding is no part of it
  EXPECT_TRUE(icmp::ChecksumOk::run(core.opened(frame), core));
  for (unsigned bit = 34 * 8; bit < 55 * 8; ++bit) {
    Packet p = core.opened(frame);
    p.data[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(icmp::ChecksumOk::run(p, core)) << bit;
    core.release(p);
  }
}

// scapy: the same with type 0.
TEST(icmp_echo_reply, same_data_new_type) {
  TestCore core;
  Packet p = core.opened(scapy_echo);
  icmp::EchoReply::run(p, core);
  EXPECT_EQ(Bytes(p.data + p.l4, p.data + p.end),
            from_hex("0000d10604d20003000102030405060708090a0b0c"));
  EXPECT_EQ(p.src, our_address);
  EXPECT_EQ(p.dst, peer_address);
  EXPECT_EQ(p.protocol, 1);
  EXPECT_EQ(p.ttl, 64);
}

TEST(icmp_echo_reply, checksum_stays_right_for_any_request) {
  EXPECT_TRUE(rc::check([](Bytes payload, std::uint32_t word, std::uint8_t code) {
    TestCore core;
    Packet p = core.opened(PacketBuilder(payload)
                               .icmp(8, code, word)
                               .ipv4({.protocol = 1})
                               .eth(0x0800)
                               .pad(60)
                               .bytes());
    icmp::EchoReply::run(p, core);
    RC_ASSERT(Bytes(p.data + p.l4, p.data + p.end) ==
              PacketBuilder(payload).icmp(0, code, word).bytes());
    RC_ASSERT(icmp::ChecksumOk::run(p, core));
  }));
}

// scapy: IP(src="10.0.0.2", dst="10.0.0.1")/ICMP(type=3, code=3)/IP/UDP(dport=9)/"xyz"
TEST(icmp_error, port_unreachable_byte_for_byte) {
  for (const bool tagged : {false, true}) {
    TestCore core;
    PacketBuilder b("xyz");
    b.udp(4000, 9).ipv4({});
    if (tagged) b.vlan(5, 0x0800);
    Packet p = core.opened(b.eth(tagged ? 0x8100 : 0x0800).pad(64).bytes());
    EXPECT_EQ(icmp::PortUnreachable::run(p, core), Out::sent);
    icmp::Error::run(p, core);
    ipv4::Build::run(p, core);
    set<field::ipv4::id>(p, 1);
    ipv4::ChecksumFill::run(p, core);
    EXPECT_EQ(Bytes(p.data + 14, p.data + p.len),
              from_hex("4500003b00010000400166bf0a0000020a0000010303111c00000000"
                       "4500001f12340000401154980a0000010a0000020fa00009000be9b278797a"));
    EXPECT_EQ(p.end, p.len);
    EXPECT_EQ(p.l4, 34);
  }
}

TEST(icmp_error, quotes_as_much_as_576_bytes_allow) {
  TestCore core;
  Packet p = core.opened(udp_frame(std::string(1400, 'q')));
  EXPECT_EQ(icmp::PortUnreachable::run(p, core), Out::sent);
  const Bytes original = frame_of(p);
  icmp::Error::run(p, core);
  EXPECT_EQ(p.len, 14u + 576);
  EXPECT_TRUE(icmp::ChecksumOk::run(p, core));
  EXPECT_EQ(Bytes(p.data + 42, p.data + p.len),
            Bytes(original.begin() + 14, original.begin() + 14 + 548));
}

TEST(icmp_error, a_small_mtu_allows_less) {
  TestCore core;
  core.host.mtu = 300;
  Packet p = core.opened(udp_frame(std::string(1400, 'q')));
  icmp::PortUnreachable::run(p, core);
  icmp::Error::run(p, core);
  EXPECT_EQ(p.len, 14u + 300);
}

TEST(icmp_errors, what_each_says) {
  TestCore core;
  Packet p = core.opened(udp_frame("x"));
  p.icmp_word = 99;
  EXPECT_EQ(icmp::PortUnreachable::run(p, core), Out::sent);
  EXPECT_EQ(std::tie(p.icmp_type, p.icmp_code), std::make_tuple(3, 3));
  EXPECT_EQ(p.icmp_word, 0u);
  icmp::ProtocolUnreachable::run(p, core);
  EXPECT_EQ(std::tie(p.icmp_type, p.icmp_code), std::make_tuple(3, 2));
  icmp::TimeExceeded::run(p, core);
  EXPECT_EQ(std::tie(p.icmp_type, p.icmp_code), std::make_tuple(11, 0));
}

// An update alone gives these the other zero: it verifies nowhere.
TEST(icmp_echo_reply, of_nothing_but_zeros) {
  for (const std::size_t size : {0, 1, 2, 56}) {
    TestCore core;
    const Bytes zeros(size, 0);
    Packet p = core.opened(
        PacketBuilder(zeros).icmp(8, 0, 0).ipv4({.protocol = 1}).eth(0x0800).pad(60).bytes());
    icmp::EchoReply::run(p, core);
    EXPECT_EQ(get<field::icmp::checksum>(p), 0xffff);
    EXPECT_TRUE(icmp::ChecksumOk::run(p, core));
  }
}

struct Case {
  const char* what;
  Bytes frame;
  Out expected;
};

// RFC 1122 section 3.2.2: when no error may be sent.
TEST(icmp_errors, never_about_these) {
  const auto icmp_frame = [](std::uint8_t type) {
    return PacketBuilder("datadata").icmp(type, 0, 0).ipv4({.protocol = 1}).eth(0x0800).bytes();
  };
  const Bytes broadcast_frame =
      PacketBuilder("x").udp(1, 2).ipv4({}).eth(0x0800, 0xffffffffffff).bytes();
  const std::vector<Case> cases = {
      {"a plain datagram", udp_frame("x"), Out::sent},
      {"an echo request", icmp_frame(8), Out::sent},
      {"an unreachable", icmp_frame(3), Out::limited},
      {"a redirect", icmp_frame(5), Out::limited},
      {"a time exceeded", icmp_frame(11), Out::limited},
      {"a parameter problem", icmp_frame(12), Out::limited},
      {"an unknown ICMP type", icmp_frame(200), Out::limited},
      {"a first fragment", udp_frame("12345678", {.more = true}), Out::sent},
      {"another fragment", udp_frame("12345678", {.offset = 8}), Out::limited},
      {"a frame to all", broadcast_frame, Out::limited},
      {"limited broadcast", udp_frame("x", {.dst = 0xffffffff}), Out::limited},
      {"own broadcast", udp_frame("x", {.dst = 0x0a0000ff}), Out::limited},
      {"multicast", udp_frame("x", {.dst = 0xe0000001}), Out::limited},
      {"from multicast", udp_frame("x", {.src = 0xe0000001}), Out::limited},
      {"from broadcast", udp_frame("x", {.src = 0x0a0000ff}), Out::limited},
      {"from class E", udp_frame("x", {.src = 0xf0000001}), Out::limited},
      {"from nobody", udp_frame("x", {.src = 0}), Out::limited},
      {"from loopback", udp_frame("x", {.src = 0x7f000001}), Out::limited},
  };
  for (const Case& c : cases) {
    TestCore core;
    Packet p = core.opened(c.frame);
    EXPECT_EQ(icmp::PortUnreachable::run(p, core), c.expected) << c.what;
    EXPECT_EQ(static_cast<int>(icmp::TimeExceeded::run(p, core)), static_cast<int>(c.expected));
    EXPECT_EQ(static_cast<int>(icmp::ProtocolUnreachable::run(p, core)),
              static_cast<int>(c.expected));
    EXPECT_EQ(frame_of(p), c.frame) << c.what;
  }
}

TEST(icmp_errors, share_one_limit) {
  TestCore core;
  Packet p = core.opened(udp_frame("x"));
  unsigned sent = 0;
  for (int i = 0; i < 100; ++i) {
    sent += icmp::PortUnreachable::run(p, core) == Out::sent ? 1 : 0;
    sent += icmp::TimeExceeded::run(p, core) == icmp::TimeExceeded::Out::sent ? 1 : 0;
  }
  EXPECT_EQ(sent, 50u);
}

}  // namespace
}  // namespace weft::test
