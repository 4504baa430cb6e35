// The host's addresses: the table, the nodes that ask it, and which address an answer leaves from.
#include <gtest/gtest.h>

#include "stack-nodes/arp/reply.h"
#include "stack-nodes/arp/sender.h"
#include "stack-nodes/arp/target.h"
#include "stack-nodes/icmp/error.h"
#include "stack-nodes/icmp/port_unreachable.h"
#include "stack-nodes/ipv4/build.h"
#include "stack-nodes/ipv4/local.h"
#include "stack-nodes/ipv4/peer_ok.h"
#include "stack-nodes/udp/find_port.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

constexpr std::uint32_t second = 0x0a000003;  // in the same subnet
constexpr std::uint32_t other = 0xc0a80505;   // 192.168.5.5/28

AddressTable three() {
  AddressTable t;
  t.add(our_address, 24);
  t.add(second, 24);
  t.add(other, 28);
  return t;
}

TEST(address_table, knows_whose_an_address_is) {
  const AddressTable t = three();
  EXPECT_EQ(t.find(our_address), Cast::own);
  EXPECT_EQ(t.find(second), Cast::own);
  EXPECT_EQ(t.find(other), Cast::own);
  EXPECT_EQ(t.find(0xffffffff), Cast::broadcast);
  EXPECT_EQ(t.find(0x0a0000ff), Cast::broadcast);
  EXPECT_EQ(t.find(0xc0a8050f), Cast::broadcast);
  EXPECT_EQ(t.find(0xc0a805ff), Cast::other);
  EXPECT_EQ(t.find(peer_address), Cast::other);
  EXPECT_EQ(t.find(0), Cast::other);
  EXPECT_EQ(t.find(AddressTable::all_hosts), Cast::other);
}

TEST(address_table, nobody_may_claim_to_be_us_or_a_subnet) {
  AddressTable one;
  one.add(our_address, 24);
  for (const AddressTable& t : {one, three()}) {
    EXPECT_FALSE(t.is_peer(our_address));
    EXPECT_FALSE(t.is_peer(0x0a0000ff));
    EXPECT_TRUE(t.is_peer(peer_address));
  }
  EXPECT_TRUE(one.is_peer(other));
  EXPECT_FALSE(three().is_peer(other));
  EXPECT_FALSE(three().is_peer(0xc0a8050f));
}

TEST(address_table, the_smallest_common_subnet_names_the_source) {
  AddressTable t = three();
  t.add(0xc0a80501, 16);
  EXPECT_EQ(t.nearest(peer_address), our_address);
  EXPECT_EQ(t.nearest(0xc0a80502), other);
  EXPECT_EQ(t.nearest(0xc0a80602), 0xc0a80501u);
  EXPECT_EQ(t.nearest(0x08080808), our_address);
}

TEST(address_table, a_host_route_has_no_broadcast_address) {
  AddressTable t;
  t.add(our_address, 32);
  EXPECT_EQ(t.find(our_address), Cast::own);
  EXPECT_EQ(t.find(our_address | 0xff), Cast::other);
  EXPECT_TRUE(t.is_peer(our_address | 0xff));
}

// RFC 3021: of two hosts each is the other's peer, also at the address of all ones.
TEST(address_table, a_link_of_two_hosts_has_no_broadcast_address) {
  AddressTable t;
  t.add(0x0a000002, 31);
  EXPECT_EQ(t.find(0x0a000003), Cast::other);
  EXPECT_TRUE(t.is_peer(0x0a000003));
  t.add(0xc0a80505, 31);  // the all-ones address is its own
  EXPECT_EQ(t.find(0xc0a80505), Cast::own);
  EXPECT_TRUE(t.is_peer(0xc0a80504));
  EXPECT_TRUE(t.is_peer(0x0a000003));
}

TEST(address_table, groups_come_and_go) {
  AddressTable t = three();
  for (std::uint32_t round = 0; round < 1000; ++round) {
    t.join(0xef000000 + round);
    EXPECT_EQ(t.find(0xef000000 + round), Cast::multicast);
    t.leave(0xef000000 + round);
    EXPECT_EQ(t.find(0xef000000 + round), Cast::other);
  }
  t.leave(0xefffffff);  // never joined
  t.join(0xef000001);
  EXPECT_EQ(t.find(0xef000001), Cast::multicast);
  EXPECT_EQ(t.find(other), Cast::own);
}

TEST(address_table, a_hundred_thousand) {
  AddressTable t;
  t.add(our_address, 8);
  for (std::uint32_t i = 0; i < 100'000; ++i) t.add(0x0a100000 + i, 8);
  for (std::uint32_t i = 0; i < 100'000; ++i) ASSERT_EQ(t.find(0x0a100000 + i), Cast::own) << i;
  EXPECT_EQ(t.find(0x0a100000 + 100'000), Cast::other);
  EXPECT_EQ(t.find(0x0affffff), Cast::broadcast);
}

TEST(port_table, a_bound_endpoint_goes_before_one_for_all) {
  PortTable t;
  t.insert(0, 1, 7, 1, 1);
  t.insert(second, 1, 7, 2, 2);
  EXPECT_EQ(t.find(our_address, 7), 1);
  EXPECT_EQ(t.find(second, 7), 2);
  EXPECT_EQ(t.find(second, 8), 2);
  EXPECT_EQ(t.find(our_address, 8), -1);
  EXPECT_EQ(t.find(second, 9), -1);
  EXPECT_EQ(t.size(), 3u);
}

TEST(port_table, a_hundred_thousand_sockets) {
  PortTable t;
  t.insert(0x0a100000, 2, 1000, 59'001, 4);  // two addresses, 1000-60000
  t.insert(0, 1, 1, 65535, 5);
  EXPECT_EQ(t.size(), 2u * 59'001 + 65'535);
  for (unsigned port = 1; port <= 65535; ++port) {
    const bool bound = port >= 1000 && port <= 60000;
    ASSERT_EQ(t.find(0x0a100001, static_cast<std::uint16_t>(port)), bound ? 4 : 5) << port;
    ASSERT_EQ(t.find(0x0a100002, static_cast<std::uint16_t>(port)), 5) << port;
  }
}

struct Addresses : testing::Test {
  Addresses() {
    core.addresses = three();
    core.routes.add(our_address, 24, 0);
    core.routes.add(other, 28, 0);
    core.routes.add(0, 0, peer_address);
  }
  Packet udp_to(std::uint32_t dst, std::uint16_t port = 7) {
    return core.opened(udp_frame("x", {.dst = dst}, 4000, port));
  }
  TestCore core;
};

TEST_F(Addresses, datagrams_are_sorted_by_destination) {
  const std::pair<std::uint32_t, Cast> cases[] = {{our_address, Cast::own},
                                                  {other, Cast::own},
                                                  {0xc0a8050f, Cast::broadcast},
                                                  {0xe0000001, Cast::other},
                                                  {peer_address, Cast::other}};
  for (const auto& [dst, cast] : cases) {
    Packet p = udp_to(dst);
    p.cast = Cast::multicast;
    EXPECT_EQ(nodes::ipv4::Local::run(p, core), cast);
    EXPECT_EQ(p.cast, cast);
    core.release(p);
  }
}

TEST_F(Addresses, own_sources_are_refused) {
  for (const std::uint32_t src : {our_address, second, other, 0xc0a8050fu}) {
    Packet p = core.opened(udp_frame("x", {.src = src}));
    EXPECT_FALSE(nodes::ipv4::PeerOk::run(p, core));
    core.release(p);
  }
  Packet p = udp_to(our_address);
  EXPECT_TRUE(nodes::ipv4::PeerOk::run(p, core));
  core.release(p);
}

TEST_F(Addresses, arp_answers_for_each_with_the_address_asked_for) {
  Packet p =
      core.opened(PacketBuilder().arp(1, peer_mac, peer_address, 0, other).eth(0x0806).bytes());
  EXPECT_EQ(nodes::arp::Sender::run(p, core), nodes::arp::Sender::Out::other);
  EXPECT_EQ(nodes::arp::Target::run(p, core), nodes::arp::Target::Out::own);
  nodes::arp::Reply::run(p, core);
  EXPECT_EQ(frame_of(p), PacketBuilder()
                             .arp(2, our_mac, other, peer_mac, peer_address)
                             .eth(0x0806, peer_mac, our_mac)
                             .bytes());
  core.release(p);
  p = core.opened(PacketBuilder().arp(1, peer_mac, second, 0, 0x0a000007).eth(0x0806).bytes());
  EXPECT_EQ(nodes::arp::Sender::run(p, core), nodes::arp::Sender::Out::own);
  EXPECT_EQ(nodes::arp::Target::run(p, core), nodes::arp::Target::Out::other);
  core.release(p);
}

// RFC 1122 section 3.2.2: from the address that the datagram was for.
TEST_F(Addresses, icmp_errors_come_from_the_address_addressed) {
  Packet p = udp_to(other, 9);
  EXPECT_EQ(nodes::ipv4::Local::run(p, core), Cast::own);
  EXPECT_EQ(nodes::icmp::PortUnreachable::run(p, core), nodes::icmp::PortUnreachable::Out::sent);
  nodes::icmp::Error::run(p, core);
  EXPECT_EQ(p.src, other);
  EXPECT_EQ(p.dst, peer_address);
  core.release(p);
}

TEST_F(Addresses, no_icmp_errors_about_broadcasts_of_any_subnet) {
  Packet p = udp_to(0xc0a8050f, 9);
  EXPECT_EQ(nodes::ipv4::Local::run(p, core), Cast::broadcast);
  EXPECT_EQ(nodes::icmp::PortUnreachable::run(p, core), nodes::icmp::PortUnreachable::Out::limited);
  core.release(p);
}

// RFC 1122 section 3.3.4.3.
TEST_F(Addresses, an_unnamed_source_is_that_of_the_way_out) {
  const std::pair<std::uint32_t, std::uint32_t> cases[] = {
      {peer_address, our_address}, {0xc0a80502, other}, {0x08080808, our_address}};
  for (const auto& [dst, src] : cases) {
    Packet p = udp_to(our_address);
    p.dst = dst;
    nodes::ipv4::Build::run(p, core);
    EXPECT_EQ(get<field::ipv4::src>(p), src);
    core.release(p);
  }
  Packet p = udp_to(our_address);
  p.dst = peer_address;
  p.src = second;
  nodes::ipv4::Build::run(p, core);
  EXPECT_EQ(get<field::ipv4::src>(p), second);
  core.release(p);
}

TEST_F(Addresses, neighbours_are_asked_from_their_own_subnet) {
  Packet p = udp_to(our_address);
  p.next_hop = 0xc0a80502;
  EXPECT_EQ(core.neighbours.resolve(core, p), NeighbourTable::Resolved::wait);
  Packet& q = core.slot(nodes::Slot::arp_request).packets[0];
  EXPECT_EQ(get<field::arp::sender>(q), other);
  EXPECT_EQ(get<field::arp::target>(q), 0xc0a80502u);
}

TEST_F(Addresses, endpoints_are_found_by_address_and_port) {
  core.udp_ports.insert(0, 1, 7, 1, 1);
  core.udp_ports.insert(other, 1, 7, 1, 2);
  for (const auto& [dst, endpoint] : {std::pair{our_address, 1}, {second, 1}, {other, 2}}) {
    Packet p = udp_to(dst);
    EXPECT_EQ(nodes::udp::FindPort::run(p, core), nodes::udp::FindPort::Out::hit);
    EXPECT_EQ(p.endpoint, endpoint);
    core.release(p);
  }
}

}  // namespace
}  // namespace weft::test
