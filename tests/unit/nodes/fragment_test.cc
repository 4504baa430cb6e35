// Cutting: what a receiver puts together is what was to be sent.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "stack-nodes/ipv4/checksum_ok.h"
#include "stack-nodes/ipv4/fragment.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

using nodes::Slot;
using nodes::ipv4::Fragment;
using Out = Fragment::Out;

Bytes some(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 11 + i / 251);
  return bytes;
}

Bytes datagram(std::size_t payload, const Ipv4Parts& ip = {}) {
  return PacketBuilder(some(payload)).ipv4(ip).eth(0x0800).bytes();
}

// Cuts `frame` to the end as the engine does: pieces leave whenever the list is full.
std::vector<Bytes> cut(TestCore& core, const Bytes& frame, std::uint16_t mtu) {
  std::vector<Bytes> sent;
  Packet p = core.opened(frame);
  p.mtu = mtu;
  p.next_hop = 77;
  for (bool more = true; more;) {
    const Out out = Fragment::run(p, core);
    EXPECT_NE(out, Out::full);
    EXPECT_EQ(p.buffer, nullptr);
    PacketList& pieces = core.slot(Slot::ipv4_piece);
    for (unsigned i = 0; i < pieces.count; ++i) {
      Packet& piece = pieces.packets[i];
      EXPECT_EQ(piece.next_hop, 77u);
      EXPECT_EQ(piece.len, piece.end);
      EXPECT_TRUE(nodes::ipv4::ChecksumOk::run(piece, core));
      EXPECT_LE(get<field::ipv4::total_length>(piece), mtu);
      EXPECT_EQ(get<field::ipv4::total_length>(piece) + 14u, piece.len);
      sent.push_back(frame_of(piece));
      core.release(piece);
    }
    pieces.count = 0;
    PacketList& rest = core.slot(Slot::ipv4_rest);
    more = out == Out::more;
    EXPECT_EQ(rest.count, more ? 1u : 0u);
    if (more) p = rest.packets[0];
    rest.count = 0;
  }
  EXPECT_EQ(core.heap.live.size(), 0u);
  return sent;
}

Bytes put_together(TestCore& core, const std::vector<Bytes>& pieces) {
  for (const Bytes& piece : pieces) {
    Packet p = core.opened(piece);
    core.reassembly.add(core, p);
    core.release(p);
  }
  PacketList& whole = core.slot(Slot::ipv4_reassembled);
  EXPECT_EQ(whole.count, 1u);
  if (whole.count == 0) return {};
  whole.count = 0;
  const Bytes bytes = frame_of(whole.packets[0]);
  core.release(whole.packets[0]);
  return bytes;
}

// scapy: fragment(IP(src="10.0.0.1", dst="10.0.0.2", id=0x1234, proto=17)/payload, fragsize=24)
TEST(ipv4_fragment, offsets_lengths_and_flags) {
  TestCore core;
  const auto pieces = cut(core, datagram(60), 68);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(Bytes(pieces[0].begin() + 16, pieces[0].begin() + 22), from_hex("004412342000"));
  EXPECT_EQ(Bytes(pieces[1].begin() + 16, pieces[1].begin() + 22), from_hex("002012340006"));
  EXPECT_EQ(Bytes(pieces[0].begin(), pieces[0].begin() + 14),
            Bytes(pieces[1].begin(), pieces[1].begin() + 14));
}

TEST(ipv4_fragment, every_size_near_the_edges) {
  for (const std::uint16_t mtu : {68, 576, 1280, 1500}) {
    for (std::size_t payload = mtu - 19; payload < mtu + 24u; ++payload) {
      TestCore core;
      const Bytes frame = datagram(payload);
      const auto pieces = cut(core, frame, mtu);
      const std::size_t each = (mtu - 20u) / 8 * 8;
      EXPECT_EQ(pieces.size(), payload + 20 <= mtu ? 1 : payload - each + 20 <= mtu ? 2 : 3);
      EXPECT_EQ(pieces.size() == 1 ? pieces[0] : put_together(core, pieces), frame) << payload;
    }
  }
}

// More pieces than a list holds: 1,365 of them.
TEST(ipv4_fragment, largest_datagram_over_the_smallest_link) {
  TestCore core;
  const Bytes frame = datagram(65515);
  const auto pieces = cut(core, frame, 68);
  EXPECT_EQ(pieces.size(), (65515u + 47) / 48);
  EXPECT_EQ(core.pieces, pieces.size());
  EXPECT_EQ(put_together(core, pieces), frame);
}

TEST(ipv4_fragment, without_a_path_mtu_the_link_counts) {
  TestCore core;
  core.host.mtu = 600;
  EXPECT_EQ(cut(core, datagram(1000), 600).size(), cut(core, datagram(1000), 0x7fff).size() + 1);
  Packet p = core.opened(datagram(1000));
  EXPECT_EQ(Fragment::run(p, core), Out::done);
  EXPECT_EQ(core.slot(Slot::ipv4_piece).count, 2u);
}

// A forwarded piece is cut again: offsets go on, and only the very last one ends the datagram.
TEST(ipv4_fragment, a_piece_of_a_piece) {
  TestCore core;
  const Bytes frame = datagram(1400);
  auto pieces = cut(core, frame, 1004);
  ASSERT_EQ(pieces.size(), 2u);
  std::vector<Bytes> smaller;
  for (const Bytes& piece : pieces) {
    for (Bytes& one : cut(core, piece, 300)) smaller.push_back(std::move(one));
  }
  EXPECT_EQ(smaller.size(), 4u + 2);
  std::reverse(smaller.begin(), smaller.end());
  EXPECT_EQ(put_together(core, smaller), frame);
}

// RFC 791 section 3.1: options go into every piece when their first bit says so.
TEST(ipv4_fragment, options) {
  TestCore core;
  const Bytes options = from_hex(
      "0707040000000094040000010101"
      "8303040000");  // record route, router alert, loose route
  Bytes aligned = options;
  while (aligned.size() % 4 != 0) aligned.push_back(0);
  const Bytes frame = datagram(500, {.options = aligned});
  const auto pieces = cut(core, frame, 200);
  ASSERT_GE(pieces.size(), 3u);
  EXPECT_EQ(Bytes(pieces[0].begin() + 34, pieces[0].begin() + 34 + 20), aligned);
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    EXPECT_EQ(pieces[i][14] & 15, 7);
    EXPECT_EQ(Bytes(pieces[i].begin() + 34, pieces[i].begin() + 42), from_hex("9404000083030400"));
  }
  EXPECT_EQ(put_together(core, pieces), frame);
}

TEST(ipv4_fragment, any_datagram_any_mtu) {
  EXPECT_TRUE(rc::check([](std::uint16_t id, std::uint8_t ttl) {
    const auto payload = *rc::gen::inRange<std::size_t>(1, 9000);
    const auto mtu = static_cast<std::uint16_t>(*rc::gen::inRange(68, 2000));
    TestCore core;
    const Bytes frame = datagram(payload, {.id = id, .ttl = ttl});
    const auto pieces = cut(core, frame, mtu);
    RC_ASSERT((pieces.size() == 1 ? pieces[0] : put_together(core, pieces)) == frame);
  }));
}

TEST(ipv4_fragment, at_most_sixteen_datagrams_wait) {
  TestCore core;
  core.slot(Slot::ipv4_piece).count = PacketList::capacity;
  for (unsigned i = 0; i < Fragment::most_waiting; ++i) {
    Packet p = core.opened(datagram(3000));
    EXPECT_EQ(Fragment::run(p, core), Out::more);
  }
  Packet p = core.opened(datagram(3000));
  EXPECT_EQ(Fragment::run(p, core), Out::full);
  EXPECT_NE(p.buffer, nullptr) << "a packet that is dropped keeps its buffer";
}

TEST(ipv4_fragment, no_buffer_for_a_piece) {
  TestCore core;
  Packet p = core.opened(datagram(3000));
  core.heap.refuse = true;
  EXPECT_EQ(Fragment::run(p, core), Out::full);
  EXPECT_NE(p.buffer, nullptr);
}

}  // namespace
}  // namespace weft::test
