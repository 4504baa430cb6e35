// Queue regions of net_i40e: what the driver is told, and what it never is. The driver here is what
// DPDK 22.11's does with these calls before it talks to the card (rte_pmd_i40e.c).
#include "runtime/ports/queue_regions.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "runtime/ports/translate.h"
#include "tests/unit/runtime/eal.h"

namespace weft::test {
namespace {

struct Driver {
  struct Region {
    unsigned first = 0, queues = 0;
    std::vector<unsigned> types;
    bool operator==(const Region&) const = default;
  };
  std::map<unsigned, Region> kept, card;  // by number; told, and at work
  unsigned flushes = 0;
  bool broken = false;  // the card's firmware says no

  int set(rte_pmd_i40e_queue_region_op what, const rte_pmd_i40e_queue_region_conf* conf) {
    switch (what) {
      case RTE_PMD_I40E_RSS_QUEUE_REGION_SET: {
        const bool power = conf->queue_num != 0 && (conf->queue_num & (conf->queue_num - 1)) == 0;
        if (!power || conf->region_id > 7 || conf->queue_start_index + conf->queue_num > 8 ||
            kept.contains(conf->region_id))
          return -EINVAL;
        kept[conf->region_id] = {conf->queue_start_index, conf->queue_num, {}};
        return 0;
      }
      case RTE_PMD_I40E_RSS_QUEUE_REGION_FLOWTYPE_SET:
        if (!kept.contains(conf->region_id)) return -EINVAL;
        kept[conf->region_id].types.push_back(conf->hw_flowtype);
        return 0;
      case RTE_PMD_I40E_RSS_QUEUE_REGION_ALL_FLUSH_ON:
        ++flushes;
        if (broken || kept.empty()) return -EINVAL;
        card = kept;
        return 0;
      case RTE_PMD_I40E_RSS_QUEUE_REGION_ALL_FLUSH_OFF:
        kept.clear();
        card.clear();
        return 0;
      default: return -EINVAL;
    }
  }
};

Driver driver;

int call(std::uint16_t port, rte_pmd_i40e_queue_region_op what, void* arg) {
  EXPECT_EQ(port, 3);
  return driver.set(what, static_cast<const rte_pmd_i40e_queue_region_conf*>(arg));
}

std::unique_ptr<ports::FlowRule> rule(std::uint64_t protocol, std::vector<unsigned> queues) {
  plan::Filter f;
  f.match["ipv4.protocol"] = {protocol, 0xff};
  f.queue = queues.front();
  f.group = std::move(queues);
  return std::move(*ports::flow_rule(f, {}));
}

class Regions : public testing::Test {
 protected:
  Regions() {
    driver = {};
    std::vector<std::uint16_t> table(512);
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = i % 4;
    regions.set_table(table);
  }
  rte_flow* create(std::uint64_t protocol, std::vector<unsigned> queues) {
    const auto r = rule(protocol, std::move(queues));
    EXPECT_TRUE(ports::QueueRegions::is_one(r->items.data(), r->actions.data()));
    rte_flow* flow = regions.create(r->items.data(), r->actions.data(), 8, error);
    why = flow != nullptr ? "" : error.message;
    return flow;
  }
  ports::QueueRegions regions{3, call};
  rte_flow_error error{};
  std::string why;
};

TEST_F(Regions, TheFirstHasWhatIsInNoOther) {
  rte_flow* tcp = create(6, {4, 5});
  ASSERT_NE(tcp, nullptr) << why;
  EXPECT_EQ(driver.card[0], (Driver::Region{0, 4, {}}));
  EXPECT_EQ(driver.card[1], (Driver::Region{4, 2, {33}}));
  rte_flow* udp = create(17, {6, 7});
  ASSERT_NE(udp, nullptr) << why;
  EXPECT_EQ(driver.card[2], (Driver::Region{6, 2, {31}}));
  EXPECT_EQ(create(17, {6, 7}), nullptr);
  EXPECT_EQ(why, "the protocol has a queue region");
  EXPECT_TRUE(regions.has(tcp) && regions.has(udp));
  // The driver takes back all at once.
  EXPECT_EQ(regions.destroy(tcp, error), 0);
  EXPECT_EQ(driver.card.size(), 2u);
  EXPECT_EQ(driver.card[1], (Driver::Region{6, 2, {31}}));
  EXPECT_TRUE(regions.has(udp));
  EXPECT_EQ(regions.destroy(udp, error), 0);
  EXPECT_TRUE(driver.card.empty());
}

TEST_F(Regions, ThoseWithTheSameQueuesAreOne) {
  ASSERT_NE(create(6, {4, 5, 6, 7}), nullptr) << why;
  ASSERT_NE(create(17, {4, 5, 6, 7}), nullptr) << why;
  EXPECT_EQ(driver.card.size(), 2u);
  EXPECT_EQ(driver.card[1], (Driver::Region{4, 4, {33, 31}}));
}

TEST_F(Regions, WhatTheDriverWouldTakeWrongIsRefused) {
  EXPECT_EQ(create(6, {4, 5, 6}), nullptr);
  EXPECT_EQ(create(6, {4, 6}), nullptr);
  EXPECT_EQ(create(6, {7, 8}), nullptr);
  EXPECT_EQ(why, "a queue region ends behind the last queue");
  EXPECT_EQ(create(1, {4, 5}), nullptr) << "ICMP has no region of its own";
  regions.set_table(std::vector<std::uint16_t>(512, 0));  // it would have one queue
  EXPECT_EQ(create(6, {4, 5}), nullptr);
  EXPECT_EQ(driver.flushes, 0u);
  EXPECT_TRUE(driver.kept.empty());
}

TEST_F(Regions, AFailureLeavesThoseThatAreThere) {
  ASSERT_NE(create(6, {4, 5}), nullptr);
  const auto before = driver.card;
  driver.broken = true;
  EXPECT_EQ(create(17, {6, 7}), nullptr);
  driver.broken = false;
  ASSERT_NE(create(17, {6, 7}), nullptr) << why;
  EXPECT_EQ(driver.card.size(), 3u);
  EXPECT_EQ(driver.card[1], before.at(1));
}

TEST_F(Regions, OtherRulesAreRteFlows) {
  plan::Filter f;
  f.match = {{"ipv4.protocol", {6, 0xff}}, {"tcp.dst_port", {80, 0xffff}}};
  f.group = {4, 5};
  const auto port = std::move(*ports::flow_rule(f, {}));
  EXPECT_FALSE(ports::QueueRegions::is_one(port->items.data(), port->actions.data()));
  plan::Filter one;
  one.match = {{"ipv4.protocol", {6, 0xff}}};
  const auto queue = std::move(*ports::flow_rule(one, {}));
  EXPECT_FALSE(ports::QueueRegions::is_one(queue->items.data(), queue->actions.data()));
}

TEST(QueueRegionsOfDpdk, TheCallIsFoundInTheDriver) {
  start_eal();
  const auto found = ports::QueueRegions::of_driver();
  ASSERT_NE(found, nullptr) << "DPDK has loaded net_i40e as a plug-in";
}

}  // namespace
}  // namespace weft::test
