// Frames that are longer than a buffer: the simulated wire spreads them, the emulated card looks at
// all of their bytes.
#include "runtime/ports/sim_wire.h"
#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

Bytes bytes_of(const rte_mbuf* m) {
  Bytes all;
  for (; m != nullptr; m = m->next) {
    const auto* data = rte_pktmbuf_mtod(m, const std::uint8_t*);
    all.insert(all.end(), data, data + m->data_len);
  }
  return all;
}

Bytes long_frame(unsigned payload) {
  UdpFrame frame;
  frame.payload.resize(payload);
  for (unsigned i = 0; i < payload; ++i) frame.payload[i] = static_cast<std::uint8_t>(i * 7);
  return build(frame);
}

TEST(Scatter, TheSimulatedWireSpreadsFramesOverBuffers) {
  const unsigned before = rte_mempool_in_use_count(packet_pool());
  ports::VirtualClock clock;
  const Bytes first = long_frame(8900), second = long_frame(20), third = long_frame(2048);
  ports::SimWire wire("sim", {{0, first}, {0, second}, {0, third}}, clock, packet_pool(), true);
  rte_mbuf* frames[4];
  ASSERT_EQ(wire.receive(frames, 4), 3);
  EXPECT_EQ(frames[0]->nb_segs, 5);  // 2,048 bytes, then 2,176 each
  EXPECT_EQ(frames[0]->pkt_len, first.size());
  EXPECT_EQ(bytes_of(frames[0]), first);
  EXPECT_EQ(frames[1]->nb_segs, 1);
  EXPECT_EQ(bytes_of(frames[2]), third);
  EXPECT_EQ(wire.transmit(frames, 3), 3);
  EXPECT_EQ(wire.out()[0].bytes, first);
  EXPECT_EQ(rte_mempool_in_use_count(packet_pool()), before);
}

// What the card says of the checksum is about the whole frame, whatever buffer a byte lies in.
TEST(Scatter, TheCardSeesAllBytes) {
  ports::VirtualClock clock;
  const Bytes right = long_frame(8900);
  std::vector<ports::Frame> in = {{0, right}};
  for (const std::size_t at : {100UL, 2100UL, 5000UL, right.size() - 1}) {
    in.push_back({0, right});
    in.back().bytes[at] ^= 0x10;
  }
  ports::SimWire wire("sim", in, clock, packet_pool(), true);
  auto card = emulator::EmulatedCard::make(model("intel_82599"), fields(), wire, {});
  ASSERT_TRUE(card);
  ports::CardControl& control = (*card)->control();
  rte_eth_dev_info info{};
  control.info(info);
  rte_eth_conf conf{};
  conf.rxmode.offloads = info.rx_offload_capa;
  ASSERT_EQ(control.configure(1, 1, conf), 0);
  ASSERT_EQ(control.set_mac({{0x02, 0, 0, 0, 0, 0x01}}), 0);
  ASSERT_EQ(control.start(), 0);
  (*card)->poll();
  rte_mbuf* packets[8];
  ASSERT_EQ((*card)->rx_burst(0, packets, 8), 5);
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_EQ(packets[i]->nb_segs, 5);
    EXPECT_EQ(bytes_of(packets[i]), in[i].bytes);
    EXPECT_EQ(packets[i]->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK,
              i == 0 ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : RTE_MBUF_F_RX_L4_CKSUM_BAD)
        << i;
    rte_pktmbuf_free(packets[i]);
  }
}

TEST(Scatter, ACardThatCannotDropsAndCounts) {
  ports::VirtualClock clock;
  ports::SimWire wire("sim", {{0, long_frame(3000)}, {0, long_frame(100)}}, clock, packet_pool(),
                      true);
  auto card = emulator::EmulatedCard::make(model("none"), fields(), wire, {});
  ASSERT_TRUE(card);
  ports::CardControl& control = (*card)->control();
  ASSERT_EQ(control.configure(1, 1, {}), 0);
  ASSERT_EQ(control.start(), 0);
  (*card)->poll();
  rte_mbuf* packets[8];
  ASSERT_EQ((*card)->rx_burst(0, packets, 8), 1);
  rte_pktmbuf_free(packets[0]);
  const ports::CardStats stats = control.stats();
  EXPECT_EQ(stats.received, 2u);
  for (const auto& drop : stats.drops) EXPECT_EQ(drop.count, drop.reason == "too_long" ? 1u : 0u);
}

}  // namespace
}  // namespace weft::test
