// Wishes of endpoints that say little else: whoever comes is brought where the wish says, or the
// card is refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "compiler/passes/choose.h"
#include "compiler/passes/choose_beside.h"
#include "compiler/passes/choose_delta.h"
#include "compiler/passes/configure.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/memory.h"
#include "compiler/plan/operation.h"
#include "compiler/plan/places.h"
#include "compiler/plan/preview.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

// Two endpoints without flows or rates, on 7 and 9.
Inputs bare(const std::string& nic) {
  Inputs in = inputs(nic, "policy_balance");
  in.workload.flows.clear(), in.workload.sets.clear();
  in.workload.endpoints.resize(2);
  in.workload.queues = 4, in.workload.cores = 2;
  for (unsigned e = 0; e < 2; ++e) {
    ir::Endpoint& it = in.workload.endpoints[e];
    it.port = static_cast<std::uint16_t>(7 + 2 * e), it.ports = 1;
    it.rate = 0, it.gold = false, it.queues.reset();
  }
  return in;
}

ir::Flow flow_to(const Inputs& in, unsigned endpoint, unsigned n) {
  return {.src = 0x0a070010 + n,
          .src_port = 4000,
          .dst_port = in.workload.endpoints[endpoint].port,
          .endpoint = endpoint,
          .rate = 10};
}

std::string refusal(const Inputs& in) {
  const auto choice = choose(in, {});
  return choice ? "" : diag::render(choice.error(), false);
}

plan::Plan configured(const Inputs& in) {
  plan::Plan plan;
  if (auto ok = configure(in, must(choose(in, {})), plan); !ok) ADD_FAILURE();
  return plan;
}

// Queues that anybody's packets to the port arrive on.
std::set<unsigned> queues_of(const Inputs& in, const plan::Plan& plan, std::uint16_t port,
                             bool tcp = false) {
  const Steering card(in.nic, in.fields, plan.configuration);
  std::mt19937 random(7);
  std::set<unsigned> out;
  for (unsigned i = 0; i < 200; ++i) {
    const auto where = card.deliver({.src = static_cast<std::uint32_t>(random()),
                                     .src_port = static_cast<std::uint16_t>(random()),
                                     .dst = in.workload.host.address,
                                     .dst_port = port,
                                     .tcp = tcp});
    if (where) out.insert(where->queue);
  }
  return out;
}

TEST(Wishes, NeedNoRate) {
  using Set = void (*)(Inputs&);
  const std::pair<const char*, Set> wishes[] = {
      {"queue",
       [](Inputs& in) {
         in.workload.endpoints[1].queues = ir::QueueRange{2, 2};
       }},
      {"core", [](Inputs& in) { in.workload.endpoints[1].core = 1; }},
      {"exclusive", [](Inputs& in) { in.workload.endpoints[1].exclusive = true; }},
      {"trust", [](Inputs& in) { in.workload.endpoints[1].trust = "bank"; }},
      {"gold", [](Inputs& in) {
         in.workload.policy = ir::Policy::gold;
         in.workload.endpoints[1].gold = true;
       }}};
  for (const auto& [name, set] : wishes) {
    for (const double rate : {0.0, 1.0}) {
      Inputs in = bare("intel_e810");
      set(in);
      in.workload.endpoints[1].rate = rate;
      const plan::Plan plan = configured(in);
      EXPECT_EQ(plan.configuration.filters.size(), 1u) << name << rate;
      const auto on = queues_of(in, plan, 9), others = queues_of(in, plan, 7);
      for (const unsigned q : on)
        EXPECT_TRUE(plan.chosen.zones.size() == 1 ? q == 2 : !others.contains(q)) << name << rate;
      // No rules for a port: as well without a rate.
      in.nic = inputs("amazon_ena", "policy_balance").nic;
      EXPECT_NE(refusal(in).find("E0801"), std::string::npos) << name << rate << refusal(in);
    }
  }
}

// Beside known flows, nobody else is expected: those have rules, and whoever comes goes by the
// hash. But not where memory is kept apart.
TEST(Wishes, BesideKnownFlowsStrangersGoByTheHashUnlessMemoryIsApart) {
  Inputs in = bare("broadcom_bnxt");  // rules for flows, none for a port
  for (unsigned n = 0; n < 3; ++n) in.workload.flows.push_back(flow_to(in, 1, n));
  in.workload.endpoints[1].exclusive = true;
  EXPECT_EQ(refusal(in), "");
  in.workload.endpoints[1].trust = "bank";
  EXPECT_NE(refusal(in).find("E0801"), std::string::npos);
  // By copy its packets may lie in everybody's memory.
  in.workload.endpoints[1].exclusive = false;
  in.workload.endpoints[1].placement = ir::Placement::dedicated;
  Options quick;
  quick.prove = quick.certify = false;
  EXPECT_TRUE(plan::placed(must(compile(in, quick)), 1).copies);
}

TEST(Wishes, APlanSaysWhatGoesByTheHash) {
  Inputs in = inputs("intel_82599", "policy_gold");  // gold flows, and nobody else
  plan::Plan plan = configured(in);
  plan.endpoints = in.workload.endpoints;
  EXPECT_TRUE(plan::strangers_by_hash(plan, 0));
  EXPECT_FALSE(plan::strangers_by_hash(plan, 1)) << "it asks for nothing";
  EXPECT_NE(plan::preview(plan, {}).find(plan::none_expected), std::string::npos);
  in.workload.endpoints[0].rate = 100;
  plan = configured(in);
  plan.endpoints = in.workload.endpoints;
  EXPECT_FALSE(plan::strangers_by_hash(plan, 0));
  EXPECT_EQ(plan::preview(plan, {}).find(plan::none_expected), std::string::npos);
}

TEST(Wishes, ConnectionsOfATrustGroupAreApartWhoeverOpensThem) {
  Inputs in = inputs("intel_82599", "policy_gold_tcp", "host_ipv4");
  in.workload.policy = ir::Policy::balance;
  for (ir::Endpoint& e : in.workload.endpoints) e.rate = 0, e.gold = false;
  ir::Endpoint& store = in.workload.endpoints[0];
  store.trust = "bank";
  ir::FlowSet set;
  set.src = 0x0a090000, set.src_mask = 0xffff0000, set.dst_port = store.port;
  in.workload.sets = {set};
  const plan::Plan plan = configured(in);
  const auto others = queues_of(in, plan, in.workload.endpoints[1].port, true);
  for (const unsigned q : queues_of(in, plan, store.port, true)) EXPECT_FALSE(others.contains(q));
}

// Two of one zone that want two queues leave those between them to others.
TEST(Wishes, QueuesOfOneZoneNeedNotStandBesideEachOther) {
  Inputs in = bare("intel_e810");
  in.workload.queues = 6;
  in.workload.policy = ir::Policy::gold;
  in.workload.endpoints.push_back(in.workload.endpoints[1]);
  auto& all = in.workload.endpoints;
  all[2].port = 11, all[2].name = "third";
  all[0].gold = all[1].gold = true;
  all[0].queues = ir::QueueRange{1, 1}, all[1].queues = ir::QueueRange{3, 3};
  all[2].queues = ir::QueueRange{2, 2};
  ASSERT_EQ(refusal(in), "");
  const plan::Plan plan = configured(in);
  EXPECT_EQ(plan.chosen.zones.at(1).queues, (std::vector<unsigned>{1, 3}));
  EXPECT_EQ(queues_of(in, plan, 7), std::set<unsigned>{1});
  EXPECT_EQ(queues_of(in, plan, 9), std::set<unsigned>{3});
  EXPECT_EQ(queues_of(in, plan, 11), std::set<unsigned>{2});
  // One that is gold, and does not mind, shares them.
  all[2].gold = true, all[2].queues.reset();
  const auto on = queues_of(in, configured(in), 11);
  for (const unsigned q : on) EXPECT_TRUE(q == 1 || q == 3) << q;
}

// A flow of a set that wants a queue, and itself wants none, is content with that one.
TEST(Wishes, AFlowWithoutOneIsNoExceptionOfItsSet) {
  Inputs in = bare("intel_x550");
  ir::FlowSet set;
  set.src = 0x0a090000, set.src_mask = 0xffff0000, set.dst_port = 7, set.rate = 100;
  set.queue = 2;
  in.workload.sets = {set};
  ir::Flow flow = flow_to(in, 0, 0);
  flow.src = 0x0a090304;
  in.workload.flows = {flow};
  ASSERT_EQ(refusal(in), "");
  const plan::Plan plan = configured(in);
  EXPECT_EQ(plan.configuration.filters.size(), 1u);
  EXPECT_EQ(plan.flows.at(0).queue, 2u);
  // Nor is one of an endpoint that wants some queues, of which the set takes one.
  in.workload.endpoints[0].queues = ir::QueueRange{1, 2};
  EXPECT_EQ(refusal(in), "");
  // But one that wants another, or another class.
  in.workload.endpoints[0].queues.reset();
  in.workload.flows[0].queue = 1;
  EXPECT_NE(refusal(in).find("E0801"), std::string::npos);
  in.workload.flows[0].queue.reset();
  in.workload.policy = ir::Policy::gold;
  in.workload.flows[0].gold = true;
  EXPECT_NE(refusal(in).find("E0801"), std::string::npos);
}

Inputs with_ports(const std::string& nic, std::uint16_t first, unsigned ports) {
  Inputs in = bare(nic);
  ir::Endpoint& it = in.workload.endpoints[1];
  it.port = first, it.ports = ports, it.queues = ir::QueueRange{2, 2}, it.rate = 1000;
  in.workload.endpoints[0].port = 5;
  return in;
}

// All ports of the pinned endpoint reach its queue, and those beside it do not.
void reach_it(const Inputs& in, const plan::Plan& plan) {
  const ir::Endpoint& it = in.workload.endpoints[1];
  for (unsigned n = 0; n < 60; ++n) {
    const auto port = static_cast<std::uint16_t>(it.port + n * (it.ports - 1) / 59);
    EXPECT_EQ(queues_of(in, plan, port), std::set<unsigned>{2}) << in.nic.name << port;
  }
  EXPECT_FALSE(queues_of(in, plan, static_cast<std::uint16_t>(it.port - 1)).contains(2));
  EXPECT_FALSE(queues_of(in, plan, static_cast<std::uint16_t>(it.last_port() + 1)).contains(2));
}

// One rule with a mask takes many ports, where the card has masks.
TEST(Wishes, OneRuleTakesABlockOfPorts) {
  for (const char* nic : {"intel_82599", "intel_x550", "mellanox_connectx5", "ideal"}) {
    const Inputs in = with_ports(nic, 4096, 4096);
    ASSERT_EQ(refusal(in), "") << nic;
    const plan::Plan plan = configured(in);
    ASSERT_EQ(plan.configuration.filters.size(), 1u) << nic;
    const plan::Filter& rule = plan.configuration.filters[0];
    EXPECT_EQ(rule.match.at("udp.dst_port"),
              std::pair(std::uint64_t{0x1000}, std::uint64_t{0xf000}));
    EXPECT_EQ(plan::filter_subject(rule), "udp *:* -> *:4096-8191");
    EXPECT_EQ(plan::sockets_of(rule), 4096);
    reach_it(in, plan);
  }
  Options quick;
  quick.certify = false;
  Inputs in = with_ports("intel_82599", 4096, 4096);
  in.workload.flows = {flow_to(in, 0, 0)};
  const plan::Plan plan = must(compile(in, quick));
  EXPECT_EQ(plan.proof.status, "proved");
  const plan::Plan again = must(plan::plan_from_text(plan::to_yaml(plan), "again.yaml", fields()));
  EXPECT_EQ(plan::to_yaml(again), plan::to_yaml(plan));
  for (const plan::Filter& rule : plan.configuration.filters)
    EXPECT_EQ(plan::endpoint_of(rule, plan), plan::flow_of(rule) ? 0u : 1u);
  double load = 0;  // what the endpoint brings lies on one queue
  for (const plan::NetCore& core : plan.cores)
    if (std::find(core.queues.begin(), core.queues.end(), 2u) != core.queues.end())
      load = core.load;
  EXPECT_GT(load, 1000 * 50);
  const ChoiceState state(in, plan);
  EXPECT_GT(state.load(2), 0);
  EXPECT_EQ(state.load(1), 0);
  const auto beside = choose_beside(in, quick, plan);
  ASSERT_TRUE(beside);
  ASSERT_EQ(beside->sockets.size(), 1u);
  EXPECT_EQ(beside->sockets[0].port_mask, 0xf000);
}

// Blocks of several sizes where rules may have several masks; of one, where they share it; ports
// one by one, where other rules need the mask or there is none.
TEST(Wishes, PortsAreCutAsTheCardTakesIt) {
  const auto rules = [](const Inputs& in) {
    EXPECT_EQ(refusal(in), "") << in.nic.name;
    const plan::Plan plan = configured(in);
    reach_it(in, plan);
    return std::count_if(plan.configuration.filters.begin(), plan.configuration.filters.end(),
                         [](const plan::Filter& f) { return !plan::flow_of(f); });
  };
  EXPECT_EQ(rules(with_ports("mellanox_connectx5", 1000, 1000)), 7);
  EXPECT_EQ(rules(with_ports("intel_82599", 1000, 1000)), 125);
  EXPECT_EQ(rules(with_ports("intel_e810", 1000, 100)), 5);
  EXPECT_EQ(rules(with_ports("intel_xl710", 1000, 100)), 100);
  Inputs two = with_ports("intel_82599", 4096, 4096);
  two.workload.endpoints.push_back(two.workload.endpoints[1]);
  two.workload.endpoints[2].name = "third";
  two.workload.endpoints[2].port = 512, two.workload.endpoints[2].ports = 512;
  EXPECT_EQ(rules(two), 9);
  // Known flows fill the small table, and want the mask of the large one.
  Inputs many = with_ports("intel_82599", 4096, 8);
  EXPECT_EQ(rules(many), 1);
  for (unsigned n = 0; n < 1000; ++n) many.workload.flows.push_back(flow_to(many, 0, n));
  EXPECT_EQ(rules(many), 8);
  Inputs none = with_ports("intel_xl710", 1, 65535);
  none.workload.endpoints.erase(none.workload.endpoints.begin());
  EXPECT_NE(refusal(none).find("fdir takes 8192 rules"), std::string::npos) << refusal(none);
}

// Parts of an endpoint's connections, and blocks of its ports: both are bits of a mask.
TEST(Wishes, BlocksOfPortsOfConnections) {
  Inputs in = inputs("intel_82599", "policy_gold_tcp", "host_ipv4");
  ir::Endpoint& store = in.workload.endpoints[0];
  store.port = 0x2000, store.ports = 256;
  in.workload.flows.clear(), in.workload.sets.clear();
  in.workload.queues = 5, in.workload.gold_queues = 2;
  const plan::Plan plan = configured(in);
  EXPECT_EQ(plan.configuration.filters.size(), 2u);
  const auto& gold = plan.chosen.zones.at(1).queues;
  for (const std::uint16_t port : {0x2000, 0x20ff, 0x1fff, 0x2100}) {
    const auto on = queues_of(in, plan, port, true);
    const bool its = port == 0x2000 || port == 0x20ff;
    EXPECT_EQ(on == std::set<unsigned>(gold.begin(), gold.end()), its) << port;
  }
}

}  // namespace
}  // namespace weft::passes::testing
