#include <gtest/gtest.h>

#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

using Resolved = NeighbourTable::Resolved;
using State = NeighbourTable::State;
using nodes::Slot;

constexpr std::uint64_t second = 1'000'000'000;

struct Neighbours : testing::Test {
  TestCore core;
  NeighbourTable& table = core.neighbours;

  // A datagram to `hop` whose first payload byte is `mark`.
  Packet packet_to(std::uint32_t hop, char mark = 'a') {
    Packet p = core.opened(udp_frame(std::string(1, mark)));
    p.next_hop = hop;
    return p;
  }
  Resolved send(std::uint32_t hop, char mark = 'a') {
    Packet p = packet_to(hop, mark);
    const Resolved r = table.resolve(core, p);
    EXPECT_EQ(p.buffer == nullptr, r == Resolved::wait);
    core.release(p);
    return r;
  }
  std::string marks(PacketList& list) {
    std::string s;
    for (unsigned i = 0; i < list.count; ++i) s += static_cast<char>(list.packets[i].data[42]);
    return s;
  }
  void clear(Slot s) {
    PacketList& list = core.slot(s);
    for (unsigned i = 0; i < list.count; ++i) core.release(list.packets[i]);
    list.count = 0;
  }
  State state(std::uint32_t address) {
    State found = State::unused;
    table.each([&](std::uint32_t a, std::uint64_t, State s, unsigned) {
      if (a == address) found = s;
    });
    return found;
  }
  void age_at(std::uint64_t ns) {
    core.now_ns = ns;
    table.age(core);
  }
};

TEST_F(Neighbours, fixed_ones_stay_as_they_are) {
  constexpr std::uint64_t mac = 0x020000000042;
  table.fix(core, peer_address, mac);
  EXPECT_EQ(send(peer_address), Resolved::known);
  EXPECT_FALSE(table.learn(core, peer_address, 0x020000000043, true)) << "nobody is believed";
  table.suspect_all(core);
  for (unsigned minutes = 1; minutes < 10; ++minutes) age_at(minutes * 60 * second);
  EXPECT_EQ(core.slot(Slot::arp_request).count, 0u);
  EXPECT_EQ(table.find(peer_address), mac);
  // Whoever fills the table does not push it out.
  for (std::uint32_t i = 0; i < 2 * NeighbourTable::capacity; ++i)
    table.learn(core, 0x0b000000 + i, 0x020000000099, true);
  EXPECT_EQ(table.size(), NeighbourTable::capacity);
  EXPECT_EQ(state(peer_address), State::fixed);
  EXPECT_EQ(send(peer_address), Resolved::known);
}

TEST_F(Neighbours, asks_once_and_holds) {
  EXPECT_EQ(send(peer_address, 'a'), Resolved::wait);
  EXPECT_EQ(send(peer_address, 'b'), Resolved::wait);
  PacketList& requests = core.slot(Slot::arp_request);
  ASSERT_EQ(requests.count, 1u);
  // scapy: Ether()/ARP(op=1, hwsrc, psrc="10.0.0.2", pdst="10.0.0.1")
  EXPECT_EQ(frame_of(requests.packets[0]),
            from_hex("ffffffffffff020000000002080600010800060400010200000000020a000002"
                     "0000000000000a000001"));
  EXPECT_EQ(table.held(), 2u);
  EXPECT_EQ(state(peer_address), State::incomplete);
  EXPECT_EQ(table.find(peer_address), 0u);
}

TEST_F(Neighbours, answer_frees_what_waited_in_order) {
  send(peer_address, 'a');
  send(peer_address, 'b');
  core.now_ns += 5;
  EXPECT_TRUE(table.learn(core, peer_address, peer_mac, false));
  PacketList& resolved = core.slot(Slot::arp_resolved);
  EXPECT_EQ(marks(resolved), "ab");
  EXPECT_EQ(resolved.packets[0].next_mac, peer_mac);
  EXPECT_EQ(table.held(), 0u);
  // A packet of the same batch goes behind those two, not past them.
  EXPECT_EQ(send(peer_address, 'c'), Resolved::wait);
  EXPECT_EQ(marks(resolved), "abc");
  EXPECT_EQ(resolved.packets[2].next_mac, peer_mac);
  core.now_ns += 5;
  Packet p = packet_to(peer_address);
  EXPECT_EQ(table.resolve(core, p), Resolved::known);
  EXPECT_EQ(p.next_mac, peer_mac);
}

// 65,507 bytes in frames of 1,500 are 45 pieces: all of them wait.
TEST_F(Neighbours, the_49th_takes_the_place_of_the_first) {
  std::string sent;
  for (int i = 0; i < 48; ++i) {
    sent += static_cast<char>('0' + i);
    EXPECT_EQ(send(peer_address, sent.back()), Resolved::wait);
  }
  for (const char c : {'x', 'y'}) {
    Packet p = packet_to(peer_address, c);
    EXPECT_EQ(table.resolve(core, p), Resolved::full);
    EXPECT_EQ(p.data[42], sent.front());
    ASSERT_NE(p.buffer, nullptr);
    core.release(p);
    sent = sent.substr(1) + c;
  }
  EXPECT_EQ(table.held(), 48u);
  table.learn(core, peer_address, peer_mac, false);
  EXPECT_EQ(marks(core.slot(Slot::arp_resolved)), sent);
}

// Hosts that do not answer leave room for others.
TEST_F(Neighbours, three_each_where_half_is_held) {
  const auto waiting = [&](std::uint32_t host) {
    clear(Slot::arp_request);
    unsigned n = 0;
    for (int i = 0; i < 60; ++i) n += send(host) == Resolved::wait ? 1 : 0;
    return n;
  };
  for (std::uint32_t n = 0; n < 5; ++n) EXPECT_EQ(waiting(0x0a000100 + n), 48u);
  EXPECT_EQ(waiting(0x0a000105), 16u);  // 256 of 512
  for (std::uint32_t n = 0; n < 80; ++n) EXPECT_EQ(waiting(0x0a000200 + n), 3u);
}

TEST_F(Neighbours, no_more_than_512_packets_in_all) {
  unsigned waiting = 0;
  for (std::uint32_t n = 0; n < 400; ++n) {
    clear(Slot::arp_request);
    for (int i = 0; i < 2; ++i) waiting += send(0x0a000100 + n) == Resolved::wait ? 1 : 0;
  }
  EXPECT_EQ(waiting, 512u);
  EXPECT_EQ(table.held(), 512u);
  // Who has packets there may still exchange an old one for the latest.
  Packet p = packet_to(0x0a000100, 'z');
  EXPECT_EQ(table.resolve(core, p), Resolved::full);
  EXPECT_EQ(p.data[42], 'a');
  clear(Slot::arp_request);
  EXPECT_EQ(core.heap.live.size(), 513u);
}

TEST_F(Neighbours, asks_three_times_then_gives_up) {
  const std::uint64_t start = core.now_ns;
  send(peer_address, 'a');
  send(peer_address, 'b');
  age_at(start + second - 1);
  EXPECT_EQ(core.slot(Slot::arp_request).count, 1u);
  age_at(start + second);
  EXPECT_EQ(core.slot(Slot::arp_request).count, 2u);
  age_at(start + second + second / 10);
  EXPECT_EQ(core.slot(Slot::arp_request).count, 2u);
  age_at(start + 2 * second);
  EXPECT_EQ(core.slot(Slot::arp_request).count, 3u);
  EXPECT_EQ(table.size(), 1u);
  age_at(start + 3 * second);
  EXPECT_EQ(core.slot(Slot::arp_request).count, 3u);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.held(), 0u);
  EXPECT_EQ(table.counters().given_up, 2u);
  EXPECT_EQ(table.counters().requests, 3u);
  clear(Slot::arp_request);
  EXPECT_TRUE(core.heap.live.empty());
}

TEST_F(Neighbours, asked_again_while_in_use_and_forgotten_when_not) {
  const std::uint64_t start = core.now_ns;
  table.learn(core, peer_address, peer_mac, true);
  table.learn(core, 0x0a000009, 0x020000000009, true);
  core.now_ns += second;
  EXPECT_EQ(send(peer_address), Resolved::known);
  age_at(start + 60 * second - 1);
  EXPECT_EQ(table.size(), 2u);
  age_at(start + 60 * second);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(state(peer_address), State::stale);
  EXPECT_EQ(core.slot(Slot::arp_request).count, 1u);
  EXPECT_EQ(send(peer_address), Resolved::known);  // no pause while it is asked
  table.learn(core, peer_address, 0x0200000000aa, false);
  EXPECT_EQ(state(peer_address), State::reachable);
  EXPECT_EQ(table.find(peer_address), 0x0200000000aau);
  EXPECT_EQ(send(peer_address), Resolved::known);
}

TEST_F(Neighbours, stale_and_silent_goes_after_three_questions) {
  const std::uint64_t start = core.now_ns;
  table.learn(core, peer_address, peer_mac, true);
  send(peer_address);
  for (std::uint64_t t = 0; t <= 63 * second; t += second / 10) age_at(start + t);
  EXPECT_EQ(core.slot(Slot::arp_request).count, 3u);
  EXPECT_EQ(table.size(), 0u);
}

TEST_F(Neighbours, answers_nobody_asked_for_make_no_entry) {
  EXPECT_FALSE(table.learn(core, peer_address, peer_mac, false));
  EXPECT_EQ(table.size(), 0u);
  EXPECT_TRUE(table.learn(core, peer_address, peer_mac, true));
  EXPECT_EQ(table.size(), 1u);
  EXPECT_TRUE(table.knows(peer_address, peer_mac, core.now_ns + second - 1));
  EXPECT_FALSE(table.knows(peer_address, peer_mac, core.now_ns + second));
  EXPECT_FALSE(table.knows(peer_address, peer_mac + 1, core.now_ns));
}

TEST_F(Neighbours, a_scan_evicts_its_own_questions) {
  for (std::uint32_t n = 0; n < 100; ++n)
    table.learn(core, 0x0a010000 + n, 0x020000010000 + n, true);
  for (std::uint32_t n = 0; n < 100'000; ++n) {
    send(0x0b000000 + n);
    clear(Slot::arp_request);
  }
  EXPECT_EQ(table.size(), NeighbourTable::capacity);
  for (std::uint32_t n = 0; n < 100; ++n) {
    EXPECT_EQ(table.find(0x0a010000 + n), 0x020000010000 + n);
  }
  // The latest are there, and the packets of the others were freed and counted.
  EXPECT_EQ(state(0x0b000000 + 99'999), State::incomplete);
  EXPECT_EQ(table.counters().evicted, 100'000u - (1024 - 100));
  EXPECT_EQ(core.heap.live.size(), table.held());
}

TEST_F(Neighbours, full_of_answers_the_oldest_makes_room) {
  for (std::uint32_t n = 0; n < 1024; ++n) {
    core.now_ns += 1000;
    table.learn(core, 0x0a010000 + n, 0x020000010000 + n, true);
  }
  send(peer_address);
  EXPECT_EQ(table.size(), 1024u);
  EXPECT_EQ(table.find(0x0a010000), 0u);
  EXPECT_NE(table.find(0x0a010001), 0u);
}

TEST_F(Neighbours, broadcast_and_multicast_need_no_question) {
  Packet p = packet_to(0xffffffff);
  EXPECT_EQ(table.resolve(core, p), Resolved::known);
  EXPECT_EQ(p.next_mac, 0xffffffffffffu);
  p.next_hop = core.host.broadcast;
  EXPECT_EQ(table.resolve(core, p), Resolved::known);
  EXPECT_EQ(p.next_mac, 0xffffffffffffu);
  p.next_hop = 0xe08000fb;
  EXPECT_EQ(table.resolve(core, p), Resolved::known);
  EXPECT_EQ(p.next_mac, 0x01005e0000fbu);
  EXPECT_EQ(table.size(), 0u);
}

TEST_F(Neighbours, without_a_buffer_it_asks_later) {
  const std::uint64_t start = core.now_ns;
  Packet p = packet_to(peer_address);
  core.heap.refuse = true;
  EXPECT_EQ(table.resolve(core, p), Resolved::wait);
  EXPECT_EQ(core.slot(Slot::arp_request).count, 0u);
  EXPECT_EQ(table.counters().no_buffer, 1u);
  core.heap.refuse = false;
  age_at(start + second);
  EXPECT_EQ(core.slot(Slot::arp_request).count, 1u);
}

// More is freed at once than the slot has room for: nothing is lost, the rest follows.
TEST_F(Neighbours, a_full_slot_delays_and_loses_nothing) {
  for (std::uint32_t n = 0; n < 30; ++n) {
    for (int i = 0; i < 3; ++i) send(0x0a000100 + n);
    clear(Slot::arp_request);
  }
  for (std::uint32_t n = 0; n < 30; ++n) table.learn(core, 0x0a000100 + n, peer_mac, false);
  EXPECT_EQ(core.slot(Slot::arp_resolved).count, 64u);
  EXPECT_EQ(table.held(), 26u);
  EXPECT_EQ(send(0x0a000100 + 29), Resolved::wait);  // others are waiting before it
  clear(Slot::arp_resolved);
  core.now_ns += 100;
  table.age(core);
  EXPECT_EQ(core.slot(Slot::arp_resolved).count, 27u);
  EXPECT_EQ(core.spawn_lost, 0u);
  EXPECT_EQ(table.held(), 0u);
}

}  // namespace
}  // namespace weft::test
