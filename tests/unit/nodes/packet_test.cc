// A packet's copy, which is written member by member.
#include <gtest/gtest.h>

#include <cstddef>

#include "stack-nodes/datagram.h"
#include "stack-nodes/packet.h"
#include "stack-nodes/udp/too_large.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

// Changes one byte of a packet after the other: its copy changes too, wherever there is a member.
TEST(packet, a_copy_has_every_member) {
  std::size_t copied = 0;
  for (std::size_t at = 0; at < sizeof(Packet); ++at) {
    Packet p, q;
    reinterpret_cast<unsigned char*>(&p)[at] = 0x11;
    reinterpret_cast<unsigned char*>(&q)[at] = 0x22;
    const Packet a = copy_of(p), b = copy_of(q);
    const auto* x = reinterpret_cast<const unsigned char*>(&a);
    const auto* y = reinterpret_cast<const unsigned char*>(&b);
    if (x[at] == 0x11 && y[at] == 0x22) ++copied;
  }
  constexpr std::size_t between_members = offsetof(Packet, mark) - offsetof(Packet, segment) -
                                          sizeof(Packet::segment) + offsetof(Packet, next_mac) -
                                          offsetof(Packet, next_hop) - sizeof(Packet::next_hop);
  EXPECT_EQ(copied, sizeof(Packet) - between_members);
}

// What an application is told, and what it asks for, goes both ways whole.
TEST(datagram, errors_and_requests) {
  TestCore core;
  Packet p = core.opened(udp_frame("data"));
  p.icmp_type = 3;
  p.icmp_code = 4;
  p.mtu = 1400;
  p.src = our_address;
  p.dst = 0xc6336401;
  p.ports = ports_of(7, 40000);
  p.endpoint = 2;
  core.deliver(p);
  p.icmp_code = 1;
  p.src = 0;
  core.deliver(p);
  ASSERT_EQ(core.delivered.count, 2u);
  const Datagram& heard = core.delivered.datagrams[0];
  EXPECT_EQ(heard.peer, 0xc6336401u);
  EXPECT_EQ(heard.own, peer_address) << "who says so";
  EXPECT_EQ(heard.peer_port, 40000);
  EXPECT_EQ(heard.own_port, 7);
  EXPECT_EQ(heard.endpoint, 2);
  EXPECT_EQ(heard.mtu, 1400);
  EXPECT_EQ(heard.icmp_type, 3);
  EXPECT_EQ(heard.icmp_code, 4);
  EXPECT_EQ(heard.buffer, p.buffer);
  const Datagram& refused = core.delivered.datagrams[1];
  EXPECT_EQ(refused.own, 0u) << "the stack itself";
  EXPECT_EQ(refused.mtu, 0) << "says nothing of a size";
  core.release(p);

  // One that is refused has a source that the application chose: it is not who says so.
  p = core.opened(udp_frame("data"));
  p.src = our_address;
  nodes::udp::TooLarge::run(p, core);
  core.deliver(p);
  EXPECT_EQ(core.delivered.datagrams[2].own, 0u);
  core.release(p);

  Datagram d;
  d.dont_fragment = 1;
  d.peer = 0xc6336401;
  EXPECT_EQ(packet_of(d).dont_fragment, 1);
  EXPECT_EQ(packet_of(d).ttl, 0) << "the usual one";
  d.ttl = 1;
  EXPECT_EQ(packet_of(d).ttl, 1);
}

}  // namespace
}  // namespace weft::test
