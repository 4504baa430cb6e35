// The card's RSS as the workload asks for it, on cards that can and cards that cannot.
#include "compiler/passes/choose_key.h"

#include <map>
#include <random>
#include <set>

#include "compiler/passes/spread_check.h"
#include "compiler/passes/steer.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

// All cards whose key can be set.
const std::vector<std::string> hashing_cards = {
    "intel_82599",   "intel_x550",    "intel_xl710",        "intel_e810",
    "intel_i350",    "intel_i225",    "mellanox_connectx5", "solarflare_sfn5122f",
    "solarflare_x2", "broadcom_bnxt", "amazon_ena",         "ideal",
    "virtio_rss"};

plan::Plan compiled(const Inputs& in, bool prove = false) {
  Options options;
  options.prove = prove;
  return must(compile(in, options));
}

// Where packets arrive.
class Arrivals {
 public:
  Arrivals(const Inputs& in, const plan::Plan& plan)
      : steering_(in.nic, in.fields, plan.configuration) {}
  unsigned operator()(const FlowKey& key) const { return steering_.deliver(key)->queue; }

 private:
  Steering steering_;
};

// RSS on four queues as the workload asks, and nothing else of a plan.
plan::Plan hashed_only(const Inputs& in) {
  plan::Plan plan;
  plan.configuration.rx_queues = 4;
  plan.configuration.rss = must(choose_key(in, {.queues = 4, .open = {0, 1, 2, 3}}));
  return plan;
}

FlowKey random_flow(std::mt19937_64& random) {
  return {static_cast<std::uint32_t>(random()), static_cast<std::uint16_t>(random()),
          static_cast<std::uint32_t>(random()), static_cast<std::uint16_t>(random())};
}

void random_flows(Inputs& in, unsigned count) {
  std::mt19937_64 random(17);
  in.workload.flows.clear();
  for (unsigned i = 0; i < count; ++i) {
    ir::Flow flow;
    flow.src = 0x0a000000 + random() % 0xf00000;
    flow.src_port = static_cast<std::uint16_t>(1024 + random() % 60000);
    flow.dst_port = 7;
    flow.rate = 1000;
    in.workload.flows.push_back(flow);
  }
}

TEST(ChooseKey, SymmetricForAllPackets) {
  for (const auto& card : hashing_cards) {
    Inputs in = inputs(card, "quickstart");
    in.workload.spread.symmetric = true;
    const plan::Plan plan = card == "intel_e810" ? compiled(in, true) : hashed_only(in);
    EXPECT_TRUE(check_spread(plan, in)) << card;
    const Arrivals queue_of(in, plan);
    EXPECT_TRUE(plan.configuration.filters.empty()) << "rules would bring flows elsewhere";
    std::mt19937_64 random(1);
    std::set<unsigned> used;
    for (int i = 0; i < 20'000; ++i) {
      const FlowKey flow = random_flow(random);
      const FlowKey answer{flow.dst, flow.dst_port, flow.src, flow.src_port};
      used.insert(queue_of(flow));
      ASSERT_EQ(queue_of(flow), queue_of(answer)) << card;
    }
    EXPECT_EQ(used.size(), plan.configuration.rx_queues);
  }
}

TEST(ChooseKey, ByTheSourceWithTheSmallestFieldSet) {
  for (const auto& card : hashing_cards) {
    Inputs in = inputs(card, "quickstart");
    in.workload.spread.by = {"ipv4.src"};
    const plan::Plan plan = card == "intel_82599" ? compiled(in, true) : hashed_only(in);
    EXPECT_TRUE(check_spread(plan, in)) << card;
    const Arrivals queue_of(in, plan);
    const auto& types = plan.configuration.rss.types;
    const bool by_addresses = std::find(types.begin(), types.end(), "ipv4_udp") == types.end();
    EXPECT_EQ(by_addresses, card != "intel_xl710") << card << ": another type would not apply";
    std::mt19937_64 random(2);
    std::set<unsigned> used;
    for (int i = 0; i < 2000; ++i) {
      const FlowKey a = random_flow(random);
      FlowKey b = random_flow(random);
      b.src = a.src;
      used.insert(queue_of(a));
      ASSERT_EQ(queue_of(a), queue_of(b)) << card;
    }
    EXPECT_EQ(used.size(), plan.configuration.rx_queues);
    if (card == "solarflare_sfn5122f") continue;  // it hashes no ports of UDP
    in.workload.spread.by = {"udp.src_port"};
    EXPECT_EQ(hashed_only(in).configuration.rss.types.front(), "ipv4_udp") << card;
  }
}

ir::Spread behind_nat(const std::string& port) {
  ir::Spread out;
  out.port = port;
  out.together.push_back(
      {{{"lan", {"ipv4.dst", "udp.dst_port"}}, {"wan", {"ipv4.src", "udp.src_port"}}}, {}});
  return out;
}

// Each of two ports is planned by itself; both plans agree on both keys.
TEST(ChooseKey, TwoPortsThatArePlannedApart) {
  Inputs lan = inputs("intel_82599", "quickstart"), wan = lan;
  lan.workload.spread = behind_nat("lan");
  wan.workload.spread = behind_nat("wan");
  random_flows(wan, 30);  // which the other one knows nothing of
  const plan::Plan a = compiled(lan), b = compiled(wan, true);
  const Arrivals at_lan(lan, a), at_wan(wan, b);
  std::mt19937_64 random(3);
  std::set<unsigned> used;
  for (int i = 0; i < 2000; ++i) {
    const FlowKey out = random_flow(random);
    FlowKey back = random_flow(random);
    back.src = out.dst;
    back.src_port = out.dst_port;
    used.insert(at_lan(out));
    ASSERT_EQ(at_lan(out), at_wan(back));
  }
  EXPECT_EQ(used.size(), a.configuration.rx_queues);
  EXPECT_EQ(a.configuration.rss.peers.at("wan"), b.configuration.rss.key);
  EXPECT_EQ(b.configuration.rss.peers.at("lan"), a.configuration.rss.key);
  lan.workload.spread.one_key = true;
  lan.workload.spread.together = {
      {{{"lan", {"ipv4.src", "ipv4.dst"}}, {"wan", {"ipv4.dst", "ipv4.src"}}}, {}}};
  const plan::Plan one = compiled(lan);
  EXPECT_EQ(one.configuration.rss.key, one.configuration.rss.peers.at("wan"));
}

// Without rules: flows on the queues where they were meant to be, so that loads are even.
TEST(ChooseKey, PlacesFlowsWithoutRules) {
  for (const unsigned queues : {2u, 4u, 6u, 8u}) {
    Inputs in = inputs("virtio_rss", "quickstart");
    in.workload.endpoints[0].rate = 0;
    in.workload.queues = queues;
    random_flows(in, 2 * queues);
    const plan::Plan plan = compiled(in);
    ASSERT_EQ(plan.configuration.rx_queues, queues);
    std::map<unsigned, unsigned> flows;
    for (const auto& f : plan.flows) ++flows[f.queue];
    for (unsigned q = 0; q < queues; ++q) EXPECT_EQ(flows[q], 2u) << queues << " queues";
    EXPECT_EQ(plan.configuration.rss.does.back(), "places " + std::to_string(2 * queues) + " of " +
                                                      std::to_string(2 * queues) +
                                                      " flows that no rule brings");
  }
}

TEST(ChooseKey, FlowsGoWhereTheyMust) {
  const Inputs base = inputs("virtio_rss", "quickstart");
  Inputs in = base;
  random_flows(in, 20);
  Hashing hashing{.queues = 4, .open = {1, 2, 3}};
  std::mt19937_64 random(5);
  for (unsigned f = 0; f < 20; ++f)
    hashing.flows.push_back({f, 1.0 + f, 1 + static_cast<unsigned>(random() % 3)});
  plan::Plan plan;
  plan.configuration.rx_queues = 4;
  plan.configuration.rss = must(choose_key(in, hashing));
  const Arrivals queue_of(in, plan);
  for (const HashedFlow& f : hashing.flows) {
    const ir::Flow& flow = in.workload.flows[f.flow];
    EXPECT_EQ(queue_of({flow.src, flow.src_port, in.workload.local_address(flow), 7}), *f.queue);
  }
  for (const auto queue : plan.configuration.rss.table) EXPECT_NE(queue, 0);
}

std::string refusal(const Inputs& in) {
  const auto plan = compile(in, {});
  if (plan) return "accepted";
  EXPECT_FALSE(plan.error().list.front().notes.empty()) << "the line of the model";
  return plan.error().list.front().code;
}

TEST(ChooseKey, RefusesWhatTheCardCannotDo) {
  Inputs in = inputs("tap", "quickstart");
  in.workload.cores = 2;
  in.workload.spread.symmetric = true;
  EXPECT_EQ(refusal(in), "E0811");
  in.workload.queues = 1;
  EXPECT_EQ(refusal(in), "accepted") << "all packets come to one queue";

  in = inputs("virtio_rss", "quickstart");
  in.workload.spread.key.assign(52, 1);
  EXPECT_EQ(refusal(in), "E0811") << "its key has 40 bytes";
  in.workload.spread.key.clear();
  in.workload.spread.by = {"udp.dst_port"};
  std::erase_if(const_cast<std::vector<ir::RssType>&>(rss_node(in.nic)->config.rss->types),
                [](const auto& type) { return type.name != "ipv4"; });
  EXPECT_EQ(refusal(in), "E0812");

  in = inputs("virtio_rss", "quickstart");
  in.workload.spread.symmetric = true;
  in.workload.spread.by = {"ipv4.dst"};
  EXPECT_EQ(refusal(in), "E0813");
}

std::string verdict(const plan::Plan& plan, const Inputs& in) {
  const auto ok = check_spread(plan, in);
  return ok ? "good" : ok.error().list.front().code;
}

// With the card's own function any key will do; with any key, and without the function, none does.
TEST(SpreadCheck, LooksAtTheFunction) {
  Inputs in = inputs("intel_xl710", "quickstart");
  in.workload.spread.symmetric = true;
  plan::Plan plan = compiled(in);
  ASSERT_EQ(plan.configuration.rss.function, ir::HashFunction::symmetric_toeplitz);
  EXPECT_EQ(
      must(plan::plan_from_text(plan::to_yaml(plan), "p", in.fields)).configuration.rss.function,
      ir::HashFunction::symmetric_toeplitz);
  std::mt19937_64 random(1);
  for (auto& byte : plan.configuration.rss.key) byte = static_cast<std::uint8_t>(random());
  EXPECT_EQ(verdict(plan, in), "good");
  plan.configuration.rss.function = ir::HashFunction::toeplitz;
  EXPECT_EQ(verdict(plan, in), "E0521");

  in.workload.spread.key = plan.configuration.rss.key;  // given, and symmetric all the same
  EXPECT_EQ(verdict(compiled(in), in), "good");
  in.nic = inputs("intel_82599", "quickstart").nic;
  in.workload.spread.key.resize(40);
  EXPECT_EQ(refusal(in), "E0813");
}

// Every bit of the key that the requests settle is looked at.
TEST(SpreadCheck, RefusesOtherKeys) {
  Inputs in = inputs("intel_82599", "quickstart");
  in.workload.spread.symmetric = true;
  const plan::Plan good = compiled(in);
  EXPECT_EQ(verdict(good, in), "good");
  unsigned refused = 0;
  for (unsigned bit = 0; bit < 320; ++bit) {
    plan::Plan wrong = good;
    wrong.configuration.rss.key[bit / 8] ^= static_cast<std::uint8_t>(0x80 >> (bit % 8));
    bool same = true;  // does the changed key treat both directions alike, for all packets?
    std::mt19937_64 random(bit);
    for (int i = 0; i < 300 && same; ++i) {
      const FlowKey f = random_flow(random);
      std::vector<std::uint8_t> there, back;
      for (const auto& [list, key] :
           {std::pair{&there, f}, {&back, FlowKey{f.dst, f.dst_port, f.src, f.src_port}}}) {
        for (int s = 24; s >= 0; s -= 8) list->push_back(static_cast<std::uint8_t>(key.src >> s));
        for (int s = 24; s >= 0; s -= 8) list->push_back(static_cast<std::uint8_t>(key.dst >> s));
        for (int s = 8; s >= 0; s -= 8)
          list->push_back(static_cast<std::uint8_t>(key.src_port >> s));
        for (int s = 8; s >= 0; s -= 8)
          list->push_back(static_cast<std::uint8_t>(key.dst_port >> s));
      }
      same = toeplitz(there, wrong.configuration.rss.key) % 128 ==
             toeplitz(back, wrong.configuration.rss.key) % 128;
    }
    // (Packets that have no ports are hashed by addresses alone, with the same part of the key.)
    EXPECT_EQ(verdict(wrong, in), same ? "good" : "E0521") << bit;
    refused += !same;
  }
  EXPECT_GT(refused, 80u);
}

TEST(SpreadCheck, RefusesRulesTypesAndPeers) {
  Inputs in = inputs("intel_82599", "quickstart");
  in.workload.spread.by = {"ipv4.src"};
  const plan::Plan good = compiled(in);
  plan::Plan wrong = good;
  wrong.configuration.filters.emplace_back();
  EXPECT_EQ(verdict(wrong, in), "E0521");
  wrong = good;
  wrong.configuration.rss.types = {"ipv4_udp", "ipv4"};
  EXPECT_EQ(verdict(wrong, in), "E0521") << "ports are hashed too";

  in.workload.spread = behind_nat("lan");
  const plan::Plan nat = compiled(in);
  EXPECT_EQ(verdict(nat, in), "good");
  wrong = nat;
  wrong.configuration.rss.peers["wan"][10] ^= 1;
  EXPECT_EQ(verdict(wrong, in), "E0521");
  wrong.configuration.rss.peers.clear();
  EXPECT_EQ(verdict(wrong, in), "E0521");
  in.workload.spread = {};
  in.workload.spread.key = nat.configuration.rss.key;
  EXPECT_EQ(verdict(nat, in), "good");
  in.workload.spread.key[0] ^= 1;
  EXPECT_EQ(verdict(nat, in), "E0521");
}

}  // namespace
}  // namespace weft::passes::testing
