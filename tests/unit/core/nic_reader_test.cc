#include <gtest/gtest.h>

#include "tests/unit/core/shipped.h"

namespace weft {
namespace {

ir::NicModel card(const std::string& name) {
  auto nic = frontend::read_nic(test::source("nicmodels/" + name + ".yaml"), test::fields());
  if (!nic) throw std::runtime_error(test::errors(nic.error()));
  return std::move(*nic);
}

const ir::Config& config(const ir::Graph& graph, const char* id) {
  return graph.node(graph.find(id).value()).config;
}

TEST(NicReader, Intel82599AsInItsFile) {
  const ir::NicModel nic = card("intel_82599");
  EXPECT_EQ(nic.driver, "net_ixgbe");
  EXPECT_EQ(nic.rx_queues.max, 128U);
  EXPECT_EQ(nic.tx_queues.max, 64U);
  EXPECT_EQ(nic.tx_segments, 40U);
  EXPECT_EQ(nic.max_frame, 15872U);
  EXPECT_EQ(nic.receive.node(*nic.receive.find("queues")).count, 128U);
  EXPECT_EQ(nic.transmit.node(*nic.transmit.find("queues")).count, 64U);

  const ir::Config& cksum = config(nic.receive, "ip_cksum");
  EXPECT_EQ(cksum.knob, "rx.ipv4_cksum");
  EXPECT_EQ(cksum.offloads, std::vector<std::string>{"RX_IPV4_CKSUM"});
  EXPECT_FALSE(cksum.in_software);
  ASSERT_TRUE(cksum.report);
  EXPECT_EQ(cksum.report->claims.front().fact, "ipv4.checksum_ok");
  EXPECT_EQ(cksum.report->field, "desc.ip_cksum");
  EXPECT_TRUE(ir::is_true(cksum.report->says_good));
  EXPECT_FALSE(cksum.report->bad_trusted);
  EXPECT_EQ(cksum.report->when_off, "good");

  const ir::Config& ntuple = config(nic.receive, "ntuple5");
  ASSERT_TRUE(ntuple.table);
  EXPECT_EQ(ntuple.table->capacity, 128U);
  EXPECT_EQ(ntuple.table->fields.at("ipv4.src"), ir::Match::full_or_none);
  EXPECT_EQ(ntuple.table->fields.at("ipv4.protocol"), ir::Match::full);
  EXPECT_EQ(ntuple.table->priority, (std::pair{1U, 7U}));
  const ir::Config& fdir = config(nic.receive, "fdir");
  EXPECT_EQ(fdir.table->same_mask_per, "port");
  EXPECT_TRUE(fdir.table->mark_required);
  EXPECT_FALSE(fdir.table->mark_reported);
  EXPECT_EQ(fdir.table->actions, (std::vector<std::string>{"queue", "mark"}));

  const ir::Config& rss = config(nic.receive, "rss");
  ASSERT_TRUE(rss.rss);
  EXPECT_EQ(rss.rss->queue_reach, 16U);
  EXPECT_EQ(rss.rss->types.size(), 3U);
  EXPECT_EQ(rss.rss->types[0].input.size(), 4U);
  EXPECT_TRUE(rss.rss->predictable);

  const ir::Config& vlan = config(nic.transmit, "vlan_insert");
  ASSERT_TRUE(vlan.performs);
  EXPECT_EQ(vlan.performs->effect, "vlan.push");
  EXPECT_EQ(vlan.performs->request, "vlan.push_request");
  EXPECT_EQ(config(nic.receive, "promiscuous").toggle, "promiscuous");
  const ir::Node& drop = nic.receive.node(*nic.receive.find("not_for_us"));
  EXPECT_EQ(drop.reason, "drop_eth_not_for_us");
  EXPECT_EQ(drop.counter, "none");
}

TEST(NicReader, TapSpreadsUnpredictablyAndInSoftware) {
  const ir::NicModel nic = card("tap");
  EXPECT_TRUE(config(nic.receive, "ip_cksum").in_software);
  EXPECT_FALSE(config(nic.receive, "steer").rss->predictable);
  EXPECT_FALSE(config(nic.receive, "steer").rss->key_settable);
}

TEST(NicReader, KnobsAreFieldsOfTheirOwnModelOnly) {
  card("intel_82599");
  EXPECT_EQ(test::fields().find("knob.rx.promiscuous"), nullptr);
}

}  // namespace
}  // namespace weft
