// What arrives on a shard that does not own its state goes to the one that does, whole, once.
#include <gtest/gtest.h>

#include <set>

#include "stack-nodes/arp/learn.h"
#include "stack-nodes/handover/connection.h"
#include "stack-nodes/handover/datagram.h"
#include "stack-nodes/handover/flow.h"
#include "stack-nodes/handover/kept.h"
#include "stack-nodes/handover/neighbour.h"
#include "stack-nodes/handover/path.h"
#include "stack-nodes/handover/quoted.h"
#include "stack-nodes/handover/segment.h"
#include "stack-nodes/handover/whole.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

using namespace nodes;

struct Handover : testing::Test {
  TestCore core;
  Handover() {
    core.id = 1;
    core.owners = &core.table_of_owners;
  }
  Bytes fragment(std::uint32_t src, std::uint32_t offset) {
    return PacketBuilder(Bytes(64, 1))
        .ipv4({.src = src, .offset = offset, .more = true})
        .eth(0x0800)
        .bytes();
  }
};

TEST_F(Handover, a_flow_goes_to_the_shard_that_has_it) {
  using Out = handover::Out;
  core.table_of_owners.flows.insert({peer_address, our_address, 4000, 7}, 3);
  core.table_of_owners.flows.insert({peer_address, our_address, 4001, 7}, 1);
  Packet away = core.opened(udp_frame("x"));
  const void* buffer = away.buffer;
  EXPECT_EQ(handover::Flow::run(away, core), Out::away);
  EXPECT_EQ(away.buffer, nullptr) << "the packet is the other shard's";
  ASSERT_EQ(core.heap.handed.size(), 1u);
  const auto& [slot, shard, packet] = core.heap.handed[0];
  EXPECT_EQ(slot, Slot::handed_flow);
  EXPECT_EQ(shard, 3u);
  EXPECT_EQ(packet.buffer, buffer);
  EXPECT_EQ(packet.l4, away.l4);

  Packet own = core.opened(udp_frame("x", {}, 4001));
  EXPECT_EQ(handover::Flow::run(own, core), Out::here);
  Packet nobodys = core.opened(udp_frame("x", {}, 4002));
  EXPECT_EQ(handover::Flow::run(nobodys, core), Out::here);
  EXPECT_EQ(core.heap.handed.size(), 1u);
}

TEST_F(Handover, a_full_ring_leaves_the_packet_to_be_dropped_here) {
  core.table_of_owners.flows.insert({peer_address, our_address, 4000, 7}, 3);
  core.heap.ring_full = true;
  Packet p = core.opened(udp_frame("x"));
  EXPECT_EQ(handover::Flow::run(p, core), handover::Out::full);
  EXPECT_NE(p.buffer, nullptr);
  core.release(p);
  EXPECT_TRUE(core.heap.live.empty());
}

TEST_F(Handover, without_owners_everything_is_here) {
  core.owners = nullptr;
  Packet p = core.opened(udp_frame("x"));
  EXPECT_EQ(handover::Flow::run(p, core), handover::Out::here);
  EXPECT_EQ(handover::Datagram::run(p, core), handover::Out::here);
  EXPECT_EQ(handover::Segment::run(p, core), handover::Out::here);
  EXPECT_EQ(handover::Whole::run(p, core), handover::Out::here);
}

// All pieces of a datagram have one owner, wherever they arrive, and peers are spread.
TEST_F(Handover, pieces_of_a_datagram_meet) {
  core.table_of_owners.datagrams = {0, 1, 2, 3};
  std::set<unsigned> owners;
  for (std::uint32_t src = 1; src < 100; ++src) {
    std::set<unsigned> of_this;
    for (const unsigned arrived : {0u, 1u, 2u, 3u}) {
      core.id = arrived;
      core.heap.handed.clear();
      Packet p = core.opened(fragment(src, arrived * 64));
      const bool here = handover::Datagram::run(p, core) == handover::Out::here;
      of_this.insert(here ? arrived : std::get<1>(core.heap.handed.at(0)));
    }
    EXPECT_EQ(of_this.size(), 1u) << src;
    owners.merge(of_this);
  }
  EXPECT_EQ(owners.size(), 4u);
}

// All segments of a connection have one owner, and connections of one peer are spread.
TEST_F(Handover, segments_of_a_connection_meet) {
  core.table_of_owners.segments = {0, 1, 3};
  std::vector<unsigned> owners(4, 0);
  for (std::uint16_t port = 4000; port < 4300; ++port) {
    std::set<unsigned> of_this;
    for (const unsigned arrived : {0u, 1u, 2u, 3u}) {
      core.id = arrived;
      core.heap.handed.clear();
      Bytes header(20 + arrived, 0);
      header[12] = 0x50;
      wire::store16(header.data(), port);
      wire::store16(header.data() + 2, 80);
      Packet p = core.opened(
          PacketBuilder(header).ipv4({.src = 0x0a000009, .protocol = 6}).eth(0x0800).bytes());
      const bool here = handover::Segment::run(p, core) == handover::Out::here;
      of_this.insert(here ? arrived : std::get<1>(core.heap.handed.at(0)));
      EXPECT_TRUE(here || std::get<0>(core.heap.handed[0]) == Slot::handed_segment);
    }
    EXPECT_EQ(of_this.size(), 1u) << port;
    EXPECT_EQ(core.table_of_owners.of_connection({0x0a000009, our_address, port, 80}),
              static_cast<int>(*of_this.begin()));
    ++owners[*of_this.begin()];
  }
  EXPECT_EQ(owners[2], 0u) << "it takes none";
  for (const unsigned shard : {0u, 1u, 3u}) EXPECT_GT(owners[shard], 70u);
}

// Rules change: who is open stays, who comes is where the card will bring him, and nobody is
// refused who may be known elsewhere.
TEST_F(Handover, connections_stay_where_they_are_when_rules_change) {
  using Out = handover::Out;
  weft::tcp::Tcp machine({.connections = 4, .listeners = 1}, {});
  core.tcp = &machine;
  weft::tcp::Id id;
  using weft::tcp::Address;
  const Address ours = Address::v4(our_address), theirs = Address::v4(peer_address);
  ASSERT_EQ(machine.connect({ours, theirs, 80, 4000}, id), 0);
  Owners& owners = core.table_of_owners;
  const auto arrives = [&](std::uint16_t port, std::uint8_t flags) {
    core.heap.handed.clear();
    Bytes header(20, 0);
    wire::store16(header.data(), port);
    wire::store16(header.data() + 2, 80);
    header[12] = 0x50, header[13] = flags;
    Packet p = core.opened(
        PacketBuilder(header).ipv4({.src = peer_address, .protocol = 6}).eth(0x0800).bytes());
    const Out out = handover::Kept::run(p, core);
    EXPECT_EQ(out == Out::away, core.heap.handed.size() == 1u);
    if (out == Out::away) EXPECT_EQ(std::get<0>(core.heap.handed[0]), Slot::handed_kept);
    return out == Out::away   ? static_cast<int>(std::get<1>(core.heap.handed[0]))
           : out == Out::full ? -2
                              : -1;
  };
  constexpr int here = -1, dropped = -2;
  constexpr std::uint8_t syn = 0x02, syn_ack = 0x12, ack = 0x10;
  owners.rules.add({0, 0, 0, 80}, {0, 0, 0, 0xffff}, {2});
  EXPECT_EQ(arrives(4001, ack), here) << "all is settled: whoever comes is refused";
  owners.changing = true;
  EXPECT_EQ(arrives(4000, ack), here) << "it is open";
  EXPECT_EQ(arrives(4001, syn), 2);
  EXPECT_EQ(arrives(4001, ack), 2);
  core.id = 2;
  core.tcp = &machine;
  EXPECT_EQ(arrives(4001, syn), here);
  EXPECT_EQ(arrives(4001, ack), dropped);
  EXPECT_EQ(arrives(4001, syn_ack), dropped);
  owners.kept.insert({peer_address, our_address, 4001, 80}, 3);
  owners.changing = false;
  EXPECT_EQ(arrives(4001, ack), 3);
  EXPECT_EQ(arrives(4001, syn), 3) << "its old one may wait there";
  EXPECT_EQ(arrives(4002, ack), here);
  EXPECT_EQ(owners.of_connection({peer_address, our_address, 4001, 80}), 3);
  owners.kept.insert({peer_address, our_address, 4001, 80}, Owners::held);
  EXPECT_EQ(arrives(4001, syn), dropped);
}

// Pieces have no ports: what was made of them is where their addresses brought them.
TEST_F(Handover, a_segment_in_pieces_goes_where_the_card_would_have_brought_it) {
  Arrival& card = core.table_of_owners.arrival;
  card.sums.assign(Arrival::bytes, {});
  for (unsigned value = 0; value < 256; ++value) card.sums[Arrival::src_port + 1][value] = value;
  card.table = {0, 1, 2, 3};
  core.id = 2;
  for (const std::uint8_t protocol : {6, 17}) {
    for (std::uint16_t port = 4000; port < 4008; ++port) {
      core.heap.handed.clear();
      Bytes header(20, 0);
      header[12] = 0x50;
      wire::store16(header.data(), port);
      Packet p = core.opened(PacketBuilder(header)
                                 .ipv4({.src = 0x0a000009, .protocol = protocol})
                                 .eth(0x0800)
                                 .bytes());
      const bool stays = protocol != 6 || port % 4 == 2;
      EXPECT_EQ(handover::Whole::run(p, core), stays ? handover::Out::here : handover::Out::away);
      ASSERT_EQ(core.heap.handed.size(), stays ? 0u : 1u);
      if (!stays) EXPECT_EQ(std::get<1>(core.heap.handed[0]), port % 4u);
    }
  }
}

TEST_F(Handover, others_are_told_of_a_neighbour_but_not_again_at_once) {
  using Out = handover::Neighbour::Out;
  Packet p = core.opened(
      PacketBuilder().arp(1, peer_mac, peer_address, 0, our_address).eth(0x0806).bytes());
  EXPECT_EQ(handover::Neighbour::run(p, core), Out::told);
  ASSERT_EQ(core.heap.told.size(), 1u);
  EXPECT_EQ(core.heap.told[0], std::make_tuple(peer_address, peer_mac, true));
  arp::Learn::run(p, core);
  EXPECT_EQ(handover::Neighbour::run(p, core), Out::known);
  core.now_ns += 1'000'000'000;
  EXPECT_EQ(handover::Neighbour::run(p, core), Out::told);
  core.now_ns += 1'000'000'000;
  core.heap.ring_full = true;
  EXPECT_EQ(handover::Neighbour::run(p, core), Out::lost);
}

// Another shard may be waiting for it; where nobody asked it makes no entry.
TEST_F(Handover, an_answer_nobody_asked_for_is_told_as_that) {
  Packet p = core.opened(
      PacketBuilder().arp(2, peer_mac, peer_address, our_mac, our_address).eth(0x0806).bytes());
  handover::Neighbour::run(p, core);
  ASSERT_EQ(core.heap.told.size(), 1u);
  EXPECT_EQ(core.heap.told[0], std::make_tuple(peer_address, peer_mac, false));
  // One that this shard asked for is as good for all.
  Packet waiting = core.opened(udp_frame("x"));
  waiting.next_hop = peer_address;
  core.neighbours.resolve(core, waiting);
  handover::Neighbour::run(p, core);
  ASSERT_EQ(core.heap.told.size(), 2u);
  EXPECT_EQ(core.heap.told[1], std::make_tuple(peer_address, peer_mac, true));
}

// What was sent is quoted: our address is its source, and the flow's peer its destination.
TEST_F(Handover, an_error_goes_where_the_flow_it_is_about_is) {
  core.table_of_owners.flows.insert({peer_address, our_address, 4000, 7}, 3);
  Packet p = core.opened(udp_frame("x"));
  p.src = our_address;
  p.dst = peer_address;
  p.ports = ports_of(7, 4001);
  EXPECT_EQ(handover::Quoted::run(p, core), handover::Out::here) << "another flow, that nobody has";
  p.ports = ports_of(7, 4000);
  EXPECT_EQ(handover::Quoted::run(p, core), handover::Out::away);
  ASSERT_EQ(core.heap.handed.size(), 1u);
  EXPECT_EQ(std::get<0>(core.heap.handed[0]), Slot::handed_error);
  EXPECT_EQ(std::get<1>(core.heap.handed[0]), 3u);
  EXPECT_EQ(dst_port(std::get<2>(core.heap.handed[0])), 4000);
}

TEST_F(Handover, others_are_told_of_a_path_when_it_is_news) {
  using Out = handover::Path::Out;
  core.host.mtu = 1500;
  Packet p;
  p.dst = peer_address;
  p.mtu = 1200;
  EXPECT_EQ(handover::Path::run(p, core), Out::told);
  ASSERT_EQ(core.heap.paths.size(), 1u);
  EXPECT_EQ(core.heap.paths[0], std::make_pair(peer_address, std::uint16_t{1200}));
  core.paths.learn(p.dst, p.mtu, core.host.mtu, core.now_ns);
  EXPECT_EQ(handover::Path::run(p, core), Out::known);
  p.mtu = 1300;
  EXPECT_EQ(handover::Path::run(p, core), Out::known) << "a path does not grow";
  p.mtu = 68;
  core.heap.ring_full = true;
  EXPECT_EQ(handover::Path::run(p, core), Out::lost);
  EXPECT_EQ(core.heap.paths.size(), 1u);
}

TEST_F(Handover, others_are_told_of_an_error_about_a_connection_that_is_not_here) {
  using Out = handover::Connection::Out;
  Bytes quoted = PacketBuilder(Bytes(20, 0)).udp(7, 4000).ipv4({}).bytes();
  quoted[9] = 6;
  wire::store32(quoted.data() + 24, 0x01020304);  // behind the ports: the number of the segment
  Packet p = core.opened(PacketBuilder(quoted)
                             .icmp(3, 4, 1200)
                             .ipv4({.src = 0x0a0000fe, .protocol = 1})
                             .eth(0x0800)
                             .bytes());
  p.icmp_type = 3;
  p.icmp_code = 4;
  p.mtu = 1200;
  p.src = our_address;
  p.dst = peer_address;
  p.ports = ports_of(7, 4000);
  EXPECT_EQ(handover::Connection::run(p, core), Out::told);
  ASSERT_EQ(core.heap.errors.size(), 1u);
  const weft::tcp::PathError& e = core.heap.errors[0];
  EXPECT_EQ(e.tuple, (weft::tcp::Tuple{weft::tcp::Address::v4(our_address),
                                       weft::tcp::Address::v4(peer_address), 7, 4000}));
  EXPECT_EQ(e.seq, 0x01020304u);
  EXPECT_EQ(e.mtu, 1200);
  p.icmp_code = 3;
  EXPECT_EQ(nodes::tcp::error_about(p).mtu, 0);
  EXPECT_TRUE(nodes::tcp::error_about(p).hard);
  EXPECT_EQ(nodes::tcp::error_about(p).why, weft::tcp::reason::refused);
  core.heap.ring_full = true;
  EXPECT_EQ(handover::Connection::run(p, core), Out::lost);
}

}  // namespace
}  // namespace weft::test
