#include <gtest/gtest.h>

#include "stack-nodes/arp/learn.h"
#include "stack-nodes/arp/reply.h"
#include "stack-nodes/arp/resolve.h"
#include "stack-nodes/eth/build.h"
#include "stack-nodes/eth/open.h"
#include "stack-nodes/vlan/pop.h"
#include "stack-nodes/vlan/push.h"
#include "stack-nodes/vlan/push_request.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

using namespace nodes;

Bytes arp_question(std::uint16_t tag = 0) {
  PacketBuilder b;
  b.arp(1, peer_mac, peer_address, 0, our_address);
  if (tag != 0) return b.vlan(tag, 0x0806).eth(0x8100, ArpMessage::to_all).pad(64).bytes();
  return b.eth(0x0806, ArpMessage::to_all).pad(60).bytes();
}

TEST(eth_open, finds_the_type) {
  TestCore core;
  Packet p = core.packet(udp_frame("x"));
  p.l3 = 0;
  p.vlan_id = 9;
  eth::Open::run(p, core);
  EXPECT_EQ(p.l3, 14);
  EXPECT_EQ(p.vlan_id, 0);
  EXPECT_EQ(wire::ethertype(p), 0x0800);
  EXPECT_EQ(wire::l3_room(p), p.len - 14);
}

TEST(vlan_pop, goes_past_the_tag) {
  TestCore core;
  Packet p = core.packet(arp_question(0x6005));
  eth::Open::run(p, core);
  EXPECT_EQ(wire::ethertype(p), 0x8100);
  vlan::Pop::run(p, core);
  EXPECT_EQ(p.vlan_id, 5);
  EXPECT_EQ(p.l3, 18);
  EXPECT_EQ(wire::ethertype(p), 0x0806);
}

TEST(vlan_push, tags_with_the_hosts_id) {
  TestCore core;
  core.host.vlan_id = 5;
  Packet p = core.opened(udp_frame("abc"));
  const std::uint32_t l4 = p.l4, end = p.end;
  Bytes expected = frame_of(p);
  const Bytes tag = from_hex("81000005");
  expected.insert(expected.begin() + 12, tag.begin(), tag.end());
  vlan::Push::run(p, core);
  EXPECT_EQ(frame_of(p), expected);
  EXPECT_EQ(p.l3, 18);
  EXPECT_EQ(p.l4, l4 + 4);
  EXPECT_EQ(p.end, end + 4);
  EXPECT_EQ(p.vlan_id, 5);
}

TEST(vlan_push, leaves_unknown_offsets_unknown) {
  TestCore core;
  Packet p = core.opened(arp_question());
  vlan::Push::run(p, core);
  EXPECT_EQ(p.l4, 0);
  EXPECT_EQ(p.end, 0u);
}

TEST(vlan_push_request, asks_and_leaves_the_frame) {
  TestCore core;
  core.host.vlan_id = 77;
  Packet p = core.opened(udp_frame("abc"));
  const Bytes before = frame_of(p);
  vlan::PushRequest::run(p, core);
  EXPECT_TRUE(asks_vlan(p));
  EXPECT_EQ(p.vlan_id, 77);
  EXPECT_EQ(frame_of(p), before);
}

TEST(eth_build, in_front_of_a_datagram_that_came_tagged_and_padded) {
  TestCore core;
  const Bytes inner = PacketBuilder("x").udp(1, 2).ipv4({}).bytes();
  Packet p = core.opened(PacketBuilder(inner).vlan(9, 0x0800).eth(0x8100).pad(64).bytes());
  p.next_mac = 0x0200000000fe;
  eth::Build::run(p, core);
  EXPECT_EQ(frame_of(p), PacketBuilder(inner).eth(0x0800, 0x0200000000fe, our_mac).bytes());
  EXPECT_EQ(p.l3, 14);
  EXPECT_EQ(p.l4, 34);
  EXPECT_EQ(p.end, p.len);
}

// scapy: Ether()/ARP(op=2, hwsrc=ours, psrc="10.0.0.2", hwdst=theirs, pdst="10.0.0.1")
TEST(arp_reply, turns_the_question_around) {
  for (const std::uint16_t tag : {0, 5}) {
    TestCore core;
    Packet p = core.opened(arp_question(tag));
    arp::Reply::run(p, core);
    EXPECT_EQ(frame_of(p),
              from_hex("020000000001020000000002080600010800060400020200000000020a000002"
                       "0200000000010a000001"));
    EXPECT_EQ(p.l3, 14);
  }
}

Bytes arp_answer() {
  return PacketBuilder()
      .arp(2, peer_mac, peer_address, our_mac, our_address)
      .eth(0x0806)
      .pad(60)
      .bytes();
}

TEST(arp_learn, a_question_makes_an_entry_and_an_answer_does_not) {
  TestCore core;
  Packet answer = core.opened(arp_answer());
  arp::Learn::run(answer, core);
  EXPECT_EQ(core.neighbours.size(), 0u);
  Packet question = core.opened(arp_question());
  arp::Learn::run(question, core);
  EXPECT_EQ(core.neighbours.find(peer_address), peer_mac);
}

TEST(arp_resolve, ports) {
  using Out = arp::Resolve::Out;
  TestCore core;
  const auto send = [&] {
    Packet p = core.opened(udp_frame("x"));
    p.next_hop = peer_address;
    const Out out = arp::Resolve::run(p, core);
    EXPECT_EQ(p.buffer == nullptr, out == Out::wait);
    if (out == Out::known) {
      EXPECT_EQ(p.next_mac, peer_mac);
    }
    core.release(p);
    return out;
  };
  for (unsigned i = 0; i < NeighbourTable::held_per_entry; ++i) EXPECT_EQ(send(), Out::wait);
  EXPECT_EQ(send(), Out::full);
  EXPECT_EQ(core.slot(Slot::arp_request).count, 1u);
  core.neighbours.learn(core, peer_address, peer_mac, false);
  core.now_ns += 1;
  EXPECT_EQ(send(), Out::known);
}

}  // namespace
}  // namespace weft::test
