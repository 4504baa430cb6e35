#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "stack-nodes/ipv4/build.h"
#include "stack-nodes/ipv4/checksum_fill.h"
#include "stack-nodes/ipv4/checksum_ok.h"
#include "stack-nodes/ipv4/checksum_request.h"
#include "stack-nodes/ipv4/decrement_ttl.h"
#include "stack-nodes/ipv4/open.h"
#include "stack-nodes/ipv4/reassemble.h"
#include "stack-nodes/ipv4/route.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

using namespace nodes;

// scapy: IP(src="10.0.0.1", dst="10.0.0.2", id=0x1234)/UDP(sport=4000, dport=7)/"hello, weft"
const Bytes scapy_udp = from_hex(
    "02000000000202000000000108004500002712340000401154900a0000010a000002"
    "0fa0000700139e4268656c6c6f2c2077656674");
// The same with a router alert option and "hello".
const Bytes scapy_options = from_hex(
    "020000000002020000000001080046000025123400004011bf8d0a0000010a000002"
    "940400000fa00007000d985868656c6c6f");

TEST(ipv4_open, finds_transport_header_and_end) {
  TestCore core;
  Bytes frame = scapy_options;
  frame.resize(60);
  Packet p = core.packet(frame);
  ipv4::Open::run(p, core);
  EXPECT_EQ(p.l4, 38);
  EXPECT_EQ(p.end, 51u);
  EXPECT_EQ(wire::l4_room(p), 13u);
}

TEST(ipv4_checksum_ok, right_ones) {
  TestCore core;
  EXPECT_TRUE(ipv4::ChecksumOk::run(core.opened(scapy_udp), core));
  EXPECT_TRUE(ipv4::ChecksumOk::run(core.opened(scapy_options), core));
}

TEST(ipv4_checksum_ok, every_wrong_bit_of_the_header) {
  TestCore core;
  for (const Bytes& good : {scapy_udp, scapy_options}) {
    const unsigned length = (good[14] & 15) * 4u;
    for (unsigned bit = 8; bit < length * 8; ++bit) {  // the first byte says how long it is
      Packet p = core.opened(good);
      p.data[14 + bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      EXPECT_FALSE(ipv4::ChecksumOk::run(p, core)) << bit;
      core.release(p);
    }
  }
}

TEST(ipv4_checksum_fill, as_scapy) {
  TestCore core;
  Packet p = core.opened(scapy_udp);
  set<field::ipv4::checksum>(p, 0xdead);
  ipv4::ChecksumFill::run(p, core);
  EXPECT_EQ(frame_of(p), scapy_udp);
}

TEST(ipv4_checksum_request, leaves_the_field_to_the_card) {
  TestCore core;
  Packet p = core.opened(scapy_udp);
  ipv4::ChecksumRequest::run(p, core);
  EXPECT_EQ(p.tx_ip_cksum, 1);
  EXPECT_EQ(get<field::ipv4::checksum>(p), 0);
}

TEST(ipv4_build, in_front_of_what_an_application_sends) {
  TestCore core;
  const Bytes payload = from_hex("00070fa000139e4268656c6c6f2c2077656674");
  Bytes frame(34, 0xcc);
  frame.insert(frame.end(), payload.begin(), payload.end());
  Packet p = core.packet(frame);
  p.l4 = 34;
  p.end = p.len;
  p.dst = peer_address;
  p.protocol = 17;
  ipv4::Build::run(p, core);
  EXPECT_EQ(p.l3, 14);
  EXPECT_EQ(p.l4, 34);
  EXPECT_EQ(p.len, frame.size());
  set<field::ipv4::id>(p, 0xbeef);
  ipv4::ChecksumFill::run(p, core);
  const Bytes built(p.data + 14, p.data + p.len);
  Bytes expected = from_hex("45000027beef00004011a7d40a0000020a000001");  // scapy
  expected.insert(expected.end(), payload.begin(), payload.end());
  EXPECT_EQ(built, expected);
}

// Tag, options and padding of a request are not carried over; what is set is used.
TEST(ipv4_build, in_the_buffer_of_a_request) {
  TestCore core;
  const Ipv4Parts ip{.options = from_hex("9404000001010100")};
  Packet p =
      core.opened(PacketBuilder("abcdefghij").ipv4(ip).vlan(3, 0x0800).eth(0x8100).pad(80).bytes());
  p.src = 0x0a000042;
  p.dst = peer_address;
  p.protocol = 1;
  p.ttl = 3;
  ipv4::Build::run(p, core);
  EXPECT_EQ(p.len, 14u + 20 + 10);
  EXPECT_EQ(p.end, p.len);
  EXPECT_EQ(p.l3, 14);
  const std::uint16_t id = get<field::ipv4::id>(p);
  ipv4::ChecksumFill::run(p, core);
  EXPECT_EQ(Bytes(p.data + 14, p.data + p.len),
            PacketBuilder("abcdefghij")
                .ipv4({.src = 0x0a000042, .dst = peer_address, .protocol = 1, .id = id, .ttl = 3})
                .bytes());
}

TEST(ipv4_build, identifications_do_not_count) {
  TestCore core;
  std::set<int> steps;
  int last = 0;
  for (int i = 0; i < 20; ++i) {
    Packet p = core.opened(scapy_udp);
    ipv4::Build::run(p, core);
    const int id = get<field::ipv4::id>(p);
    steps.insert(id - last);
    last = id;
  }
  EXPECT_GE(steps.size(), 18u);
}

TEST(ipv4_route, hit_and_miss) {
  TestCore core;
  core.routes.add(our_address, 24, 0);
  Packet p = core.opened(udp_frame("x", {.dst = 0x0a000009}));
  EXPECT_EQ(ipv4::Route::run(p, core), ipv4::Route::Out::hit);
  EXPECT_EQ(p.next_hop, 0x0a000009u);
  Packet far = core.opened(udp_frame("x", {.dst = 0x08080808}));
  EXPECT_EQ(ipv4::Route::run(far, core), ipv4::Route::Out::miss);
  core.routes.add(0, 0, 0x0a0000fe);
  EXPECT_EQ(ipv4::Route::run(far, core), ipv4::Route::Out::hit);
  EXPECT_EQ(far.next_hop, 0x0a0000feu);
}

TEST(ipv4_decrement_ttl, as_scapy) {
  TestCore core;
  Packet p =
      core.opened(from_hex("020000000002020000000001080045000027123400004011"
                           "54870a0000010a090002"
                           "0fa0000700139e3968656c6c6f2c2077656674"));
  ipv4::DecrementTtl::run(p, core);
  EXPECT_EQ(get<field::ipv4::ttl>(p), 63);
  EXPECT_EQ(get<field::ipv4::checksum>(p), 0x5587);
}

TEST(ipv4_decrement_ttl, checksum_stays_right) {
  EXPECT_TRUE(rc::check([](std::uint32_t src, std::uint32_t dst, std::uint16_t id,
                           std::uint8_t protocol, std::uint8_t ttl) {
    RC_PRE(ttl != 0);
    TestCore core;
    Packet p =
        core.opened(PacketBuilder("x")
                        .ipv4({.src = src, .dst = dst, .protocol = protocol, .id = id, .ttl = ttl})
                        .eth(0x0800)
                        .bytes());
    ipv4::DecrementTtl::run(p, core);
    RC_ASSERT(get<field::ipv4::ttl>(p) == ttl - 1);
    RC_ASSERT(ipv4::ChecksumOk::run(p, core));
  }));
}

// The table has tests of its own; here: which answer is which port.
TEST(ipv4_reassemble, ports) {
  using Out = ipv4::Reassemble::Out;
  TestCore core;
  const auto add = [&](std::uint32_t offset, std::string_view text, bool more, std::uint16_t id) {
    Packet p = core.opened(PacketBuilder(text)
                               .ipv4({.id = id, .offset = offset, .more = more})
                               .eth(0x0800)
                               .pad(60)
                               .bytes());
    const Out out = ipv4::Reassemble::run(p, core);
    EXPECT_NE(p.buffer, nullptr);
    core.release(p);
    return out;
  };
  EXPECT_EQ(add(0, "abcdefgh", true, 1), Out::held);
  EXPECT_EQ(add(0, "abcdefgh", true, 1), Out::duplicate);
  EXPECT_EQ(add(0, "abcdefg", true, 1), Out::bad);
  EXPECT_EQ(add(0, "abcdefghabcdefgh", true, 1), Out::overlap);
  for (std::uint16_t id = 2; id < 33; ++id) EXPECT_EQ(add(0, "abcdefgh", true, id), Out::held);
  EXPECT_EQ(add(0, "abcdefgh", true, 33), Out::full);
  EXPECT_EQ(add(8, "end", false, 2), Out::held);
  EXPECT_EQ(core.slot(Slot::ipv4_reassembled).count, 1u);
}

}  // namespace
}  // namespace weft::test
