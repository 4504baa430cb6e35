// From plan to card: what is set, what is refused before anything is set, what is taken back.
#include "runtime/ports/translate.h"

#include <rte_errno.h>

#include <cerrno>

#include "tests/unit/runtime/sim_stack.h"

namespace weft::test {
namespace {

// A card that offers everything, writes down what it is told and fails where it is asked to.
struct RecordingCard : ports::CardControl {
  std::vector<std::string> calls;
  std::string fail_at;  // this call is refused
  unsigned created = 0, fail_create = ~0u, alive = 0;
  rte_eth_dev_info offers{};
  rte_eth_conf conf{};
  Bytes key;
  std::uint64_t types = 0;
  std::vector<std::uint16_t> reta;

  RecordingCard() {
    offers.max_rx_queues = offers.max_tx_queues = 16;
    offers.rx_offload_capa = offers.tx_offload_capa = ~std::uint64_t{0};
    offers.flow_type_rss_offloads = ~std::uint64_t{0};
    offers.hash_key_size = 40;
    offers.reta_size = 128;
    offers.max_rx_pktlen = 1522;
    offers.max_mtu = 1504;
  }
  int note(const std::string& call) {
    calls.push_back(call);
    return call == fail_at ? -EINVAL : 0;
  }
  std::string name() const override { return "recorder"; }
  int info(rte_eth_dev_info& info) override {
    info = offers;
    return 0;
  }
  int configure(std::uint16_t, std::uint16_t, const rte_eth_conf& c) override {
    conf = c;
    return note("configure");
  }
  int set_mac(const rte_ether_addr&) override { return note("mac"); }
  int set_promiscuous(bool) override { return note("promiscuous"); }
  int rss_hash_update(const rte_eth_rss_conf& c) override {
    key.assign(c.rss_key, c.rss_key + c.rss_key_len);
    types = c.rss_hf;
    return note("rss");
  }
  int reta_update(std::span<const rte_eth_rss_reta_entry64> e, std::uint16_t size) override {
    for (unsigned i = 0; i < size; ++i) {
      EXPECT_TRUE(e[i / 64].mask >> (i % 64) & 1);
      reta.push_back(e[i / 64].reta[i % 64]);
    }
    return note("reta");
  }
  int flow_validate(const rte_flow_attr&, const rte_flow_item*, const rte_flow_action*,
                    rte_flow_error&) override {
    return note("validate");
  }
  rte_flow* flow_create(const rte_flow_attr&, const rte_flow_item*, const rte_flow_action*,
                        rte_flow_error& error) override {
    note("create");
    if (created == fail_create) {
      error.message = "table full";
      rte_errno = ENOSPC;
      return nullptr;
    }
    ++alive;
    return reinterpret_cast<rte_flow*>(static_cast<std::uintptr_t>(++created));
  }
  int flow_destroy(rte_flow*, rte_flow_error&) override {
    --alive;
    return note("destroy");
  }
  int start() override { return note("start"); }
  int stop() override { return note("stop"); }
  ports::CardStats stats() override { return {}; }
};

TEST(Translate, APlanBecomesTheCardsSettings) {
  const auto plan = compiled("intel_82599", 4, 1);
  const auto nic = model("intel_82599");
  RecordingCard card;
  auto rules = must(ports::apply(plan, &nic, card));
  EXPECT_EQ(rules.flows.size(), plan.configuration.filters.size());
  EXPECT_GT(rules.flows.size(), 0u);
  EXPECT_EQ(card.key, plan.configuration.rss.key);
  EXPECT_EQ(card.reta, plan.configuration.rss.table);
  EXPECT_NE(card.types & RTE_ETH_RSS_NONFRAG_IPV4_UDP, 0u);
  EXPECT_EQ(card.conf.rxmode.mq_mode, RTE_ETH_MQ_RX_RSS);
  for (const auto& [knob, offload] :
       std::map<std::string, std::uint64_t>{{"rx.ipv4_cksum", RTE_ETH_RX_OFFLOAD_IPV4_CKSUM},
                                            {"rx.l4_cksum", RTE_ETH_RX_OFFLOAD_UDP_CKSUM}}) {
    const auto on = plan.configuration.knobs.find(knob);
    const bool wanted = on != plan.configuration.knobs.end() && on->second;
    EXPECT_EQ((card.conf.rxmode.offloads & offload) != 0, wanted) << knob;
  }
  ports::withdraw(rules, card);
  EXPECT_EQ(card.alive, 0u);
  EXPECT_EQ(card.calls.back(), "stop");
}

// Some of the rules catch something: by counters where the card has them, else by queues.
TEST(Translate, WhoSeesRulesAtWork) {
  struct Counting : RecordingCard {
    int flow_hits(rte_flow* flow, std::uint64_t& hits) override {
      hits = reinterpret_cast<std::uintptr_t>(flow) <= 2 ? 5 : 0;
      return 0;
    }
  };
  const auto seen = [](const std::string& nic, ports::CardControl& card,
                       const std::vector<std::optional<std::uint64_t>>& only_rules) {
    const auto nic_model = model(nic);
    const auto rules = must(ports::apply(compiled(nic, 4, 1), &nic_model, card));
    const auto tables = ports::rules_seen(rules, card, only_rules);
    EXPECT_EQ(tables.size(), 1u);
    EXPECT_EQ(tables.front().rules, rules.flows.size());
    return tables.front();
  };
  Counting counting;
  counting.offers.hash_key_size = 52;
  counting.offers.reta_size = 512;
  const auto e810 = seen("intel_e810", counting, {});
  EXPECT_EQ(e810.counted, e810.rules);
  EXPECT_EQ(e810.counted_at_work, 2u);
  EXPECT_EQ(e810.frames_counted, 10u);
  EXPECT_EQ(e810.queues + e810.unconfirmed, 0u);
  // One frame on a queue with several rules is no witness for all of them.
  RecordingCard none;
  const auto by_queue = seen("intel_82599", none, {std::nullopt, 7, 0, 0});
  EXPECT_EQ(by_queue.counted, 0u);
  EXPECT_EQ(by_queue.queues, 3u);
  EXPECT_EQ(by_queue.queues_at_work, 1u);
  EXPECT_EQ(by_queue.frames_of_queues, 7u);
  EXPECT_GT(by_queue.unconfirmed, 0u) << "those for queue 0, where others arrive, too";
  EXPECT_LT(by_queue.unconfirmed, by_queue.rules);
  const auto nothing = seen("intel_82599", none, {});
  EXPECT_EQ(nothing.unconfirmed, nothing.rules);
}

// Two tables feed one queue: what came there may be by the rules of either.
TEST(Translate, WhoElseFeedsAQueueIsNamed) {
  RecordingCard card;
  ports::AppliedRules rules;
  for (const auto& [key, table, queue] :
       {std::tuple{"a", "ntuple5", 1u}, {"b", "fdir", 1u}, {"c", "fdir", 2u}, {"d", "syn", 2u}})
    rules.flows[key] = {.table = table, .queue = queue};
  const auto tables = ports::rules_seen(rules, card, {std::nullopt, 5, std::nullopt});
  ASSERT_EQ(tables.size(), 3u);
  EXPECT_EQ(tables[0].table, "fdir");
  EXPECT_EQ(tables[0].also, std::set<std::string>{"ntuple5"});
  EXPECT_EQ(tables[0].unconfirmed, 1u);
  EXPECT_EQ(tables[1].also, std::set<std::string>{"fdir"});
  EXPECT_EQ(tables[2].unconfirmed, 1u);
  EXPECT_TRUE(tables[2].also.empty());
}

// Each of these plans is refused, with words, before the card was told anything.
TEST(Translate, WhatAPortCannotHonourIsRefusedBeforeAnythingIsChanged) {
  const auto nic = model("intel_82599");
  const auto refused = [&](const std::function<void(plan::Plan&, RecordingCard&)>& plant,
                           const std::string& words) {
    auto plan = compiled("intel_82599", 4, 1);
    RecordingCard card;
    plant(plan, card);
    const auto rules = ports::apply(plan, &nic, card);
    ASSERT_FALSE(rules) << words;
    EXPECT_TRUE(card.calls.empty()) << words << ": " << card.calls.front();
    EXPECT_NE(diag::render(rules.error(), false).find(words), std::string::npos)
        << diag::render(rules.error(), false);
  };
  refused([](auto&, auto& card) { card.offers.max_rx_queues = 2; }, "4 receive queues");
  refused([](auto&, auto& card) { card.offers.max_tx_queues = 1; }, "transmit queues");
  refused([](auto&, auto& card) { card.offers.max_mtu = 1499; }, "MTU is 1500");
  refused([](auto&, auto& card) { card.offers.max_rx_pktlen = 1517; }, "1517 bytes");
  refused(
      [](auto& plan, auto& card) {
        plan.configuration.knobs["rx.ipv4_cksum"] = true;
        card.offers.rx_offload_capa = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
      },
      "RX_IPV4_CKSUM");
  refused(
      [](auto& plan, auto& card) {
        plan.configuration.knobs["tx.udp_cksum"] = true;
        card.offers.tx_offload_capa = 0;
      },
      "tx.udp_cksum");
  refused([](auto&, auto& card) { card.offers.driver_name = "net_e1000_em"; },
          "driven by net_ixgbe; recorder is driven by net_e1000_em");
  refused([](auto&, auto& card) { card.offers.reta_size = 512; }, "128 entries");
  refused([](auto&, auto& card) { card.offers.hash_key_size = 52; }, "40 bytes");
  refused([](auto&, auto& card) { card.offers.flow_type_rss_offloads = 0; }, "header types");
  refused([](auto& plan, auto&) { plan.configuration.rss.table[5] = 9; }, "entry 5");
  refused([](auto& plan, auto&) { plan.configuration.filters[0].queue = 9; }, "names queue 9");
  refused([](auto& plan, auto&) { plan.configuration.knobs["rx.magic"] = true; }, "rx.magic");
  refused([](auto& plan, auto&) { plan.configuration.rss.types.push_back("ipv9"); }, "ipv9");
  refused(
      [](auto& plan, auto&) {
        plan.configuration.filters[0].match["arp.target"] = {1, 1};
      },
      "arp.target");
}

TEST(Translate, AStepThatFailsTakesBackWhatWasDone) {
  const auto plan = compiled("intel_82599", 4, 1);
  const auto nic = model("intel_82599");
  for (const char* step : {"configure", "mac", "promiscuous", "rss", "reta", "start", "validate"}) {
    RecordingCard card;
    card.fail_at = step;
    EXPECT_FALSE(ports::apply(plan, &nic, card)) << step;
    EXPECT_EQ(card.created, 0u) << step;
    EXPECT_EQ(card.calls.back(), "stop") << step;
  }
  RecordingCard card;
  card.fail_create = static_cast<unsigned>(plan.configuration.filters.size()) - 1;
  const auto rules = ports::apply(plan, &nic, card);
  ASSERT_FALSE(rules);
  EXPECT_NE(rules.error().list.front().message.find("table full"), std::string::npos);
  EXPECT_EQ(card.created, card.fail_create);
  EXPECT_EQ(card.alive, 0u) << "rules are left on the card";
}

TEST(Translate, AllRulesAreValidatedBeforeTheFirstIsCreated) {
  const auto plan = compiled("intel_82599", 4, 1);
  const auto nic = model("intel_82599");
  RecordingCard card;
  must(ports::apply(plan, &nic, card));
  const auto first_create = std::find(card.calls.begin(), card.calls.end(), "create");
  EXPECT_EQ(std::count(card.calls.begin(), first_create, "validate"),
            static_cast<long>(plan.configuration.filters.size()));
  EXPECT_EQ(std::count(first_create, card.calls.end(), "validate"), 0);
}

TEST(FlowRule, NamesAllLayersFromTheOutsideIn) {
  plan::Filter filter;
  filter.id = "f";
  filter.match = {{"ipv4.src", {0x0a000001, 0xffffff00}}, {"udp.dst_port", {53, 0xffff}}};
  filter.priority = 3;
  filter.queue = 2;
  filter.mark = 5;
  const auto rule = must(ports::flow_rule(filter, {}));
  ASSERT_EQ(rule->items.size(), 4u);
  EXPECT_EQ(rule->items[0].type, RTE_FLOW_ITEM_TYPE_ETH);
  EXPECT_EQ(rule->items[0].mask, nullptr);
  EXPECT_EQ(rule->items[1].type, RTE_FLOW_ITEM_TYPE_IPV4);
  EXPECT_EQ(rule->items[2].type, RTE_FLOW_ITEM_TYPE_UDP);
  EXPECT_EQ(rule->items[3].type, RTE_FLOW_ITEM_TYPE_END);
  EXPECT_EQ(rule->ipv4_spec.hdr.src_addr, rte_cpu_to_be_32(0x0a000000)) << "masked";
  EXPECT_EQ(rule->ipv4_mask.hdr.src_addr, rte_cpu_to_be_32(0xffffff00));
  EXPECT_EQ(rule->udp_spec.hdr.dst_port, rte_cpu_to_be_16(53));
  EXPECT_EQ(rule->udp_mask.hdr.src_port, 0);
  EXPECT_EQ(rule->attr.priority, 3u);
  EXPECT_EQ(rule->attr.ingress, 1u);
  ASSERT_EQ(rule->actions.size(), 3u);
  EXPECT_EQ(rule->queue.index, 2);
  EXPECT_EQ(rule->mark.id, 5u);
}

TEST(FlowRule, NamesABlockOfPortsByItsMask) {
  plan::Filter filter;
  filter.match = {{"udp.dst_port", {4096, 0xf000}}};
  const auto rule = must(ports::flow_rule(filter, {}));
  EXPECT_EQ(rule->udp_spec.hdr.dst_port, rte_cpu_to_be_16(4096));
  EXPECT_EQ(rule->udp_mask.hdr.dst_port, rte_cpu_to_be_16(0xf000));
}

TEST(Names, OffloadsAreThoseOfDpdk) {
  EXPECT_EQ(ports::offload_bit("RX_IPV4_CKSUM")->bit, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM);
  EXPECT_EQ(ports::offload_bit("TX_UDP_CKSUM")->bit, RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
  EXPECT_FALSE(ports::offload_bit("TX_UDP_CKSUM")->receive);
  EXPECT_FALSE(ports::offload_bit("RX_MAGIC"));
  EXPECT_FALSE(ports::offload_bit("IPV4_CKSUM"));
  EXPECT_FALSE(ports::rss_type_bit("ipv9"));
}

}  // namespace
}  // namespace weft::test
