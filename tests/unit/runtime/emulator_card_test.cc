// The card as a whole: configuration, address filter, queues, accounting.
#include <set>

#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

constexpr const char* catalogue[] = {"none",  "tap",         "intel_82599", "intel_e810",
                                     "ideal", "qemu_e1000e", "vmxnet3",     "virtio"};

TEST(EmulatorCard, InfoIsThatOfTheModel) {
  Bench bench("intel_82599");
  rte_eth_dev_info info{};
  ASSERT_EQ(bench.control().info(info), 0);
  EXPECT_EQ(bench.control().name(), "emulated intel_82599");
  EXPECT_EQ(info.max_rx_queues, 128);
  EXPECT_EQ(info.max_tx_queues, 64);
  EXPECT_EQ(info.reta_size, 128);
  EXPECT_EQ(info.hash_key_size, 40);
  EXPECT_EQ(info.max_rx_pktlen, 15872U);
  EXPECT_EQ(info.flow_type_rss_offloads,
            std::uint64_t{RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                          RTE_ETH_RSS_NONFRAG_IPV4_TCP});
  EXPECT_EQ(info.rx_offload_capa,
            std::uint64_t{RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
                          RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_RSS_HASH |
                          RTE_ETH_RX_OFFLOAD_SCATTER});
  EXPECT_EQ(info.tx_offload_capa,
            std::uint64_t{RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
                          RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |
                          RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_MULTI_SEGS});
  EXPECT_EQ(info.tx_desc_lim.nb_seg_max, 40);

  Bench none("none");
  ASSERT_EQ(none.control().info(info), 0);
  EXPECT_EQ(info.rx_offload_capa, 0U);
  EXPECT_EQ(info.tx_offload_capa, 0U);
  EXPECT_EQ(info.reta_size, 0);
  EXPECT_EQ(info.flow_type_rss_offloads, 0U);
}

TEST(EmulatorCard, ConfigureRefusesWhatTheModelLacks) {
  Bench bench("intel_82599");
  auto& control = bench.control();
  const rte_eth_conf fine = bench.everything();
  EXPECT_EQ(control.start(), -EINVAL) << "not configured";
  EXPECT_EQ(control.configure(129, 1, fine), -EINVAL);
  EXPECT_EQ(control.configure(1, 65, fine), -EINVAL);
  EXPECT_EQ(control.configure(0, 1, fine), -EINVAL);
  rte_eth_conf conf = fine;
  conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_TIMESTAMP;
  EXPECT_EQ(control.configure(1, 1, conf), -ENOTSUP);
  conf = fine;
  conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM;
  EXPECT_EQ(control.configure(1, 1, conf), -ENOTSUP);
  conf = fine;
  conf.rxmode.mq_mode = RTE_ETH_MQ_RX_DCB;
  EXPECT_EQ(control.configure(1, 1, conf), -ENOTSUP);
  conf = fine;
  conf.rxmode.mtu = 15900;
  EXPECT_EQ(control.configure(1, 1, conf), -EINVAL);
  conf = fine;
  conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_L2_PAYLOAD;
  EXPECT_EQ(control.configure(1, 1, conf), -EINVAL);
  EXPECT_EQ(control.configure(128, 64, fine), 0);
  EXPECT_EQ(control.start(), 0);
  EXPECT_EQ(control.configure(1, 1, fine), -EBUSY);
  const rte_ether_addr group = {{0x01, 0, 0, 0, 0, 1}};
  EXPECT_EQ(control.set_mac(group), -EINVAL);

  Bench none("none");
  conf = {};
  conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  EXPECT_EQ(none.control().configure(1, 1, conf), -ENOTSUP);
  EXPECT_EQ(none.control().configure(2, 1, {}), -EINVAL);
  EXPECT_EQ(none.control().set_promiscuous(true), -ENOTSUP);
  EXPECT_EQ(none.control().set_promiscuous(false), 0);
}

TEST(EmulatorCard, AddressFilterAndItsSwitch) {
  for (const char* name : {"intel_82599", "intel_e810", "ideal"}) {
    Bench bench(name);
    bench.start();
    UdpFrame other;
    other.dst_mac = 0x020000000009;
    UdpFrame broadcast;
    broadcast.dst_mac = 0xffffffffffff;
    UdpFrame multicast;
    multicast.dst_mac = 0x01005e000001;
    bench.wire.in = {build(other), build(broadcast), build({}), build(multicast), Bytes(9, 0)};
    EXPECT_EQ(bench.run().size(), 3U) << name << ": own, broadcast, and a runt";
    EXPECT_EQ(bench.dropped("not_for_us"), 2U);
    EXPECT_EQ(bench.control().stats().drops.front().stands_for, "drop_eth_not_for_us");
    ASSERT_EQ(bench.control().set_promiscuous(true), 0);
    bench.wire.in.push_back(build(other));
    EXPECT_EQ(bench.run().size(), 1U);
    EXPECT_EQ(bench.dropped("not_for_us"), 2U);
  }
}

TEST(EmulatorCard, WithoutSpreadingEverythingGoesToQueue0) {
  std::mt19937_64 random(9);
  Bench bench("intel_82599", 4);
  bench.start({});
  for (int i = 0; i < 100; ++i) bench.wire.in.push_back(build(random_udp(random)));
  for (const Received& r : bench.run()) EXPECT_EQ(r.queue, 0);
}

// Random bytes and cut-off frames through every card: no frame is changed, none is lost uncounted.
TEST(EmulatorCard, ReceiveNeverModifiesAFrameAndCountsAll) {
  std::mt19937_64 random(13);
  for (const char* name : catalogue) {
    Bench bench(name, static_cast<std::uint16_t>(std::min(4U, model(name).rx_queues.max)));
    bench.start();
    std::multiset<Bytes> sent;
    for (int i = 0; i < 4000; ++i) {
      Bytes frame = build(random_udp(random));
      switch (random() % 4) {
        case 0: frame.resize(random() % (frame.size() + 1)); break;
        case 1:
          for (auto& b : frame) b = static_cast<std::uint8_t>(random());
          break;
        case 2: frame[random() % frame.size()] = static_cast<std::uint8_t>(random()); break;
        default: break;
      }
      if (frame.size() >= 6 && random() % 2 == 0) frame[0] = 0x02;
      bench.wire.in.push_back(frame);
      sent.insert(frame);
    }
    std::uint64_t delivered = 0;
    for (const Received& r : bench.run()) {
      ++delivered;
      const auto found = sent.find(r.bytes);
      ASSERT_NE(found, sent.end()) << name << ": a frame that nobody sent";
      sent.erase(found);
    }
    const ports::CardStats stats = bench.control().stats();
    std::uint64_t dropped = 0, queued = 0;
    for (const auto& drop : stats.drops) dropped += drop.count;
    for (const std::uint64_t count : stats.queue_received) queued += count;
    EXPECT_EQ(stats.received, 4000U);
    EXPECT_EQ(queued, delivered);
    EXPECT_EQ(delivered + dropped, 4000U) << name;
    EXPECT_EQ(bench.dropped("queue_full"), 0U);
  }
}

TEST(EmulatorCard, AFullQueueDropsAndCounts) {
  Bench bench("none", 1, {.ring_size = 64});
  bench.start();
  bench.wire.in.assign(100, build({}));
  while (bench.card->poll() != 0) {
  }
  EXPECT_EQ(bench.dropped("queue_full"), 37U) << "64 slots hold 63 packets";
  EXPECT_EQ(bench.run().size(), 63U);
}

TEST(EmulatorCard, OrWaits) {
  Bench bench("none", 1, {.ring_size = 64, .wait_for_room = true});
  bench.start();
  bench.wire.in.assign(1000, build({}));
  while (bench.card->poll() != 0) {
  }
  EXPECT_FALSE(bench.wire.ended());
  EXPECT_EQ(bench.run().size(), 1000U);
  EXPECT_EQ(bench.dropped("queue_full"), 0U);
}

TEST(EmulatorCard, StopCountsWhatStillWaited) {
  const unsigned before = rte_mempool_avail_count(packet_pool());
  {
    Bench bench("none");
    EXPECT_EQ(bench.card->poll(), 0U) << "not started";
    bench.start();
    bench.wire.in.assign(10, build({}));
    bench.card->poll();
    ASSERT_EQ(bench.control().stop(), 0);
    EXPECT_EQ(bench.dropped("stopped"), 10U);
    EXPECT_EQ(bench.control().stats().queue_received[0], 0U);
    EXPECT_EQ(bench.card->poll(), 0U);
    ASSERT_EQ(bench.control().start(), 0);
    bench.wire.in.assign(30, build({}));
    bench.card->poll();  // left in the queue for the destructor
  }
  EXPECT_EQ(rte_mempool_avail_count(packet_pool()), before);
}

TEST(EmulatorCard, ModelsItCannotExecuteAreRefused) {
  start_eal();
  ListWire wire;
  const auto refused = [&](const ir::NicModel& nic) {
    auto made = emulator::EmulatedCard::make(nic, fields(), wire);
    return made ? std::string() : made.error().list.front().code;
  };
  const auto node = [](ir::Graph& graph, const char* id) -> ir::Node& {
    return graph.node(*graph.find(id));
  };
  ir::NicModel nic = model("intel_82599");
  EXPECT_EQ(refused(nic), "");
  node(nic.receive, "mac").ports[0].when =
      ir::binary(ir::Op::eq, ir::name("meta.dst", 32), ir::constant(1, 32));
  EXPECT_EQ(refused(nic), "E0640");
  nic = model("intel_82599");
  node(nic.receive, "fdir").config.table->fields["pkt.len"] = ir::Match::full;
  EXPECT_EQ(refused(nic), "E0641");
  nic = model("intel_82599");
  node(nic.receive, "ip_cksum").config.report->claims.front().fact = "sctp.checksum_ok";
  EXPECT_EQ(refused(nic), "E0642");
  nic = model("intel_82599");
  node(nic.transmit, "l4_cksum").config.performs->effect = "sctp.segment";
  EXPECT_EQ(refused(nic), "E0642");
  nic = model("intel_82599");
  nic.receive.connect(*nic.receive.find("queues"), 0, *nic.receive.find("mac"));
  EXPECT_EQ(refused(nic), "E0643");
}

}  // namespace
}  // namespace weft::test
