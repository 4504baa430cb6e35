// Segments of TCP that a card cuts, and those that software cuts: the same bytes.
#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <cstring>
#include <random>

#include "runtime/emulator/segmentation.h"
#include "stack-nodes/ipv4/checksum_fill.h"
#include "stack-nodes/ipv4/checksum_request.h"
#include "stack-nodes/tcp/checksum_fill.h"
#include "stack-nodes/tcp/checksum_request.h"
#include "stack-nodes/tcp/segment.h"
#include "stack-nodes/tcp/segment_request.h"
#include "tests/unit/nodes/test_core.h"
#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

// A frame of TCP as connections make it where the card cuts; its checksums are not made yet.
Bytes whole(std::size_t text, std::uint8_t flags, unsigned option_words) {
  Bytes segment(20 + option_words * 4 + text);
  for (std::size_t i = 0; i < segment.size(); ++i)
    segment[i] = static_cast<std::uint8_t>(i * 7 + i / 253);
  segment[12] = static_cast<std::uint8_t>((5 + option_words) << 4);
  segment[13] = flags;
  segment[16] = segment[17] = segment[18] = segment[19] = 0;
  put16(segment, 4, 0xffff);  // the number of sequence goes through zero
  put16(segment, 6, 0xfff0);
  Ipv4Parts ip;
  ip.protocol = 6;
  ip.id = 0xfffe;
  return PacketBuilder(std::move(segment)).ipv4(ip).eth(0x0800).bytes();
}

Bytes finished(Packet& p, TestCore& core) {
  nodes::tcp::ChecksumFill::run(p, core);
  nodes::ipv4::ChecksumFill::run(p, core);
  return frame_of(p);
}

std::vector<Bytes> by_software(const Bytes& frame, std::uint16_t size) {
  TestCore core;
  Packet p = core.opened(frame);
  p.segment = size;
  nodes::tcp::Segment::run(p, core);
  std::vector<Bytes> out = {finished(p, core)};
  PacketList& pieces = core.slot(nodes::Slot::tcp_piece);
  for (unsigned i = 0; i < pieces.count; ++i) {
    out.push_back(finished(pieces.packets[i], core));
    core.release(pieces.packets[i]);
  }
  core.release(p);
  EXPECT_EQ(core.heap.live.size(), 0u);
  return out;
}

std::vector<Bytes> by_card(const Bytes& frame, std::uint16_t size, const char* model) {
  TestCore core;
  Packet p = core.opened(frame);
  p.segment = size;
  nodes::tcp::SegmentRequest::run(p, core);
  nodes::tcp::ChecksumRequest::run(p, core);
  Bench bench(model);
  rte_eth_dev_info info{};
  bench.control().info(info);
  if ((info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0) {
    nodes::ipv4::ChecksumRequest::run(p, core);
  } else {
    nodes::ipv4::ChecksumFill::run(p, core);
  }
  bench.start();
  rte_mbuf* m = rte_pktmbuf_alloc(packet_pool());
  const Bytes asked = frame_of(p);
  std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(asked.size())), asked.data(),
              asked.size());
  Packet q = p;
  q.data = rte_pktmbuf_mtod(m, std::uint8_t*);
  describe(q, *reinterpret_cast<Frame*>(m));
  core.release(p);
  EXPECT_EQ(bench.card->tx_burst(0, &m, 1), 1);
  bench.card->poll();
  for (const auto flags : bench.wire.flags) EXPECT_EQ(flags, 0u);
  return {bench.wire.out.begin(), bench.wire.out.end()};
}

class Segmentation : public testing::TestWithParam<const char*> {};

TEST_P(Segmentation, IsTheSameBySoftware) {
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    const auto size = static_cast<std::uint16_t>(1 + random() % 300);
    const std::size_t text = 1 + random() % 1500;
    if (text > 60u * size) continue;  // more than a list holds
    const auto flags = static_cast<std::uint8_t>(0x10 | (random() & 0xc9));
    const Bytes frame = whole(text, flags, random() % 11);
    const auto expected = by_software(frame, size);
    ASSERT_EQ(expected.size(), (text + size - 1) / size);
    ASSERT_EQ(by_card(frame, size, GetParam()), expected) << text << " in " << size;
  }
}

// FIN and PSH are the last one's, CWR the first one's; numbers go on, through zero.
TEST_P(Segmentation, FlagsAndNumbers) {
  const auto got = by_card(whole(250, 0x10 | 0x80 | 0x08 | 0x01, 0), 100, GetParam());
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0][47], 0x10 | 0x80);
  EXPECT_EQ(got[1][47], 0x10);
  EXPECT_EQ(got[2][47], 0x10 | 0x08 | 0x01);
  EXPECT_EQ(got[2].size(), 14u + 20 + 20 + 50);
  const auto at = [&](unsigned frame, unsigned byte) {
    return got[frame][byte] << 8 | got[frame][byte + 1];
  };
  EXPECT_EQ(at(0, 18), 0xfffe);
  EXPECT_EQ(at(2, 18), 0x0000);
  EXPECT_EQ(at(1, 38), 0x0000);
  EXPECT_EQ(at(1, 40), (0xfff0 + 100) & 0xffff);
}

INSTANTIATE_TEST_SUITE_P(Cards, Segmentation, testing::Values("ideal", "intel_82599", "virtio"),
                         [](const auto& card) { return std::string(card.param); });

}  // namespace
}  // namespace weft::test
