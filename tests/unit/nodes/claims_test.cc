// Telling the link about own addresses, and defending them (RFC 5227).
#include <gtest/gtest.h>

#include "stack-nodes/arp/conflict.h"
#include "stack-nodes/icmp/may_report.h"
#include "stack-nodes/ipv4/loop_back.h"
#include "stack-nodes/udp/checksum_ok.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint32_t other = 0x0a000003;

struct Claims : testing::Test {
  // Sender of each announcement sent now; each is checked as a whole.
  std::vector<std::uint32_t> taken() {
    std::vector<std::uint32_t> out;
    PacketList& list = core.slot(nodes::Slot::arp_request);
    for (unsigned i = 0; i < list.count; ++i) {
      const std::uint32_t address = get<field::arp::sender>(list.packets[i]);
      EXPECT_EQ(frame_of(list.packets[i]), PacketBuilder()
                                               .arp(1, our_mac, address, 0, address)
                                               .eth(0x0806, 0xffffffffffff, our_mac)
                                               .bytes());
      out.push_back(address);
      core.release(list.packets[i]);
    }
    list.count = 0;
    return out;
  }
  std::vector<std::uint32_t> age() {
    core.claims.age(core);
    core.now_ns += second / 10;
    return taken();
  }
  nodes::arp::Conflict::Out conflict(std::uint32_t address) {
    Packet p = core.opened(
        PacketBuilder().arp(2, peer_mac, address, our_mac, our_address).eth(0x0806).bytes());
    const auto out = nodes::arp::Conflict::run(p, core);
    core.release(p);
    return out;
  }
  TestCore core;
};

using List = std::vector<std::uint32_t>;
using Out = nodes::arp::Conflict::Out;

// Section 2.3: two announcements, 2 s apart.
TEST_F(Claims, addresses_are_announced_twice) {
  core.addresses.add(other, 24);
  EXPECT_EQ(age(), List{});  // nobody asked for it yet
  core.claims.start(core.now_ns);
  List all;
  for (unsigned tick = 0; tick < 100; ++tick) {
    const List now = age();
    if (!now.empty()) EXPECT_TRUE(tick == 0 || tick == 20) << tick;
    all.insert(all.end(), now.begin(), now.end());
  }
  EXPECT_EQ(all, (List{our_address, other, our_address, other}));
  EXPECT_EQ(core.claims.counters().announced, 4u);
}

TEST_F(Claims, many_addresses_are_announced_little_by_little) {
  for (std::uint32_t i = 0; i < 1000; ++i) core.addresses.add(0x0a000100 + i, 8);
  core.claims.start(core.now_ns);
  std::size_t all = 0;
  for (unsigned tick = 0; tick < 100; ++tick) {
    const std::size_t now = age().size();
    EXPECT_LE(now, AddressClaims::most_at_once);
    all += now;
  }
  EXPECT_EQ(all, 2u * 1001);
}

TEST_F(Claims, no_buffer_is_tried_again) {
  core.heap.refuse = true;
  core.claims.start(core.now_ns);
  EXPECT_EQ(age(), List{});
  core.heap.refuse = false;
  EXPECT_EQ(age(), List{our_address});
}

// Section 2.4 (c): defended, but not more than once in 10 s.
TEST_F(Claims, conflicts_are_answered_once_in_ten_seconds) {
  EXPECT_EQ(conflict(our_address), Out::defended);
  EXPECT_EQ(taken(), List{our_address});
  for (unsigned i = 0; i < 1000; ++i) EXPECT_EQ(conflict(our_address), Out::quiet);
  EXPECT_EQ(taken(), List{});
  EXPECT_EQ(conflict(other), Out::defended);  // each address for itself
  EXPECT_EQ(taken(), List{other});
  core.now_ns += 10 * second;
  EXPECT_EQ(conflict(our_address), Out::defended);
  EXPECT_EQ(taken(), List{our_address});
  EXPECT_EQ(core.claims.counters().conflicts, 1003u);
  EXPECT_EQ(core.claims.counters().defended, 3u);
}

// However many addresses are attacked.
TEST_F(Claims, defence_is_bounded) {
  std::size_t sent = 0;
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    conflict(0x0a010000 + i);
    sent += taken().size();
  }
  EXPECT_EQ(sent, 64u);
}

TEST_F(Claims, who_the_host_is_stays_as_it_was) {
  conflict(our_address);
  EXPECT_EQ(core.addresses.find(our_address), Cast::own);
  EXPECT_EQ(core.neighbours.find(our_address), 0u);
}

// RFC 1122 section 3.2.1.3: what the host sends to itself does not leave it.
struct Loop : testing::Test {
  Packet to_self() {
    Packet p = core.opened(udp_frame("hello", {.src = our_address}));
    p.next_hop = our_address;
    return p;
  }
  TestCore core;
};

TEST_F(Loop, the_next_hop_is_the_host) {
  Packet p = to_self();
  EXPECT_EQ(core.neighbours.resolve(core, p), NeighbourTable::Resolved::self);
  EXPECT_EQ(core.neighbours.size(), 0u);
  core.release(p);
}

TEST_F(Loop, what_the_card_was_to_do_is_done) {
  Packet p = to_self();
  std::fill_n(p.data, 14, std::uint8_t{0xff});
  set<field::udp::checksum>(p, 0x1234);  // a pseudo header sum, say
  p.tx_requests = p.tx_ip_cksum = 1;
  say_l4_cksum(p, weft::Answer::good);
  EXPECT_EQ(nodes::ipv4::LoopBack::run(p, core), nodes::ipv4::LoopBack::Out::looped);
  EXPECT_EQ(p.buffer, nullptr);
  Packet& q = core.slot(nodes::Slot::loopback).packets[0];
  EXPECT_EQ(l4_cksum(q), weft::Answer::unknown);
  EXPECT_EQ(q.cast, Cast::own);
  EXPECT_EQ(q.tx_requests, 0);
  EXPECT_TRUE(nodes::udp::ChecksumOk::run(q, core));
  // Whatever lay in front of the datagram: an ICMP error may be sent about it (RFC 1122 3.2.2).
  EXPECT_EQ(get<field::eth::dst>(q), core.host.mac);
  EXPECT_EQ(get<field::eth::src>(q), core.host.mac);
  EXPECT_TRUE(nodes::icmp::may_report(q, core));
  core.release(q);
}

TEST_F(Loop, as_much_as_is_taken) {
  for (unsigned i = 0; i < PacketList::capacity; ++i) {
    Packet p = to_self();
    EXPECT_EQ(nodes::ipv4::LoopBack::run(p, core), nodes::ipv4::LoopBack::Out::looped);
  }
  Packet p = to_self();
  EXPECT_EQ(nodes::ipv4::LoopBack::run(p, core), nodes::ipv4::LoopBack::Out::full);
  EXPECT_NE(p.buffer, nullptr);
  core.release(p);
  EXPECT_EQ(core.spawn_lost, 0u);
}

// The link was away: everybody is used on, and asked for again.
TEST_F(Loop, neighbours_are_doubted_after_the_link_was_away) {
  core.now_ns = 100 * second;
  core.neighbours.learn(core, peer_address, peer_mac, true);
  Packet p = to_self();
  p.next_hop = peer_address;
  EXPECT_EQ(core.neighbours.resolve(core, p), NeighbourTable::Resolved::known);
  core.neighbours.suspect_all(core);
  EXPECT_EQ(core.neighbours.resolve(core, p), NeighbourTable::Resolved::known);
  core.neighbours.age(core);
  EXPECT_EQ(core.slot(nodes::Slot::arp_request).count, 1u);
  EXPECT_EQ(core.neighbours.find(peer_address), peer_mac);
  core.release(core.slot(nodes::Slot::arp_request).packets[0]);
  core.release(p);
}

}  // namespace
}  // namespace weft::test
