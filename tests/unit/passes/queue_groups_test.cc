// Rules that name a group of queues: one for what comes to an endpoint that is to have several.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "compiler/passes/choose.h"
#include "compiler/passes/choose_beside.h"
#include "compiler/passes/configure.h"
#include "compiler/passes/steer.h"
#include "compiler/passes/tables.h"
#include "compiler/plan/owners.h"
#include "compiler/plan/target.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

constexpr std::uint16_t store = 11211;

// An endpoint of TCP with so many queues of gold.
Inputs connections(const std::string& nic, unsigned queues) {
  Inputs in = inputs(nic, "policy_gold_tcp", "host_ipv4");
  in.workload.queues = 6;
  in.workload.gold_queues = queues;
  // (Solarflare's rules name an address.)
  if (nic.starts_with("solarflare")) in.workload.endpoints[0].address = in.workload.host.address;
  return in;
}

// One of UDP that nobody is known to send to, on queues 2 to `last`.
Inputs datagrams(const std::string& nic, unsigned last) {
  Inputs in = inputs(nic, "quickstart", "host_udp_ipv4");
  in.workload.queues = 6;
  ir::Endpoint& e = in.workload.endpoints.emplace_back(in.workload.endpoints[0]);
  e.name = "several", e.port = 99, e.rate = 1000;
  e.queues = ir::QueueRange{2, last};
  return in;
}

plan::Plan planned(const Inputs& in) {
  plan::Plan plan;
  EXPECT_TRUE(configure(in, must(choose(in, {})), plan));
  return plan;
}

plan::Plan compiled(const Inputs& in, bool prove = false) {
  Options options;
  options.prove = prove;
  options.certify = false;
  return must(compile(in, options));
}

const plan::Filter* group_of(const plan::Plan& plan) {
  const plan::Filter* out = nullptr;
  for (const plan::Filter& f : plan.configuration.filters) {
    if (f.group.empty()) continue;
    EXPECT_EQ(out, nullptr) << "one rule is enough";
    out = &f;
  }
  return out;
}

TEST(QueueGroups, OneRuleSpreadsConnectionsOverSeveralQueues) {
  for (const char* nic : {"ideal", "mellanox_connectx5", "solarflare_x2"}) {
    for (const unsigned queues : {2u, 3u, 4u}) {
      const Inputs in = connections(nic, queues);
      const plan::Plan plan = planned(in);
      const plan::Filter* rule = group_of(plan);
      ASSERT_NE(rule, nullptr) << nic;
      EXPECT_EQ(rule->group, plan.chosen.zones.at(1).queues) << nic;
      EXPECT_EQ(rule->queue, rule->group.front());
      const Steering card(in.nic, in.fields, plan.configuration);
      std::map<unsigned, unsigned> on;
      for (std::uint16_t port = 30000; port < 31200; ++port)
        ++on[card.deliver({0x0a070009, port, in.workload.host.address, store, true})->queue];
      EXPECT_EQ(on.size(), queues) << nic;
      for (const auto& [queue, n] : on) {
        EXPECT_NE(std::find(rule->group.begin(), rule->group.end(), queue), rule->group.end());
        EXPECT_NEAR(n, 1200 / queues, 1200 * 0.08) << nic << " queue " << queue;
      }
    }
  }
}

TEST(QueueGroups, OneQueueNeedsNone) {
  const Inputs in = connections("ideal", 1);
  EXPECT_EQ(group_of(planned(in)), nullptr);
}

TEST(QueueGroups, AreProvedAndWhoOpensAConnectionKnowsThem) {
  const Inputs in = connections("mellanox_connectx5", 2);
  const plan::Plan plan = compiled(in, true);
  EXPECT_EQ(plan.proof.status, "proved");
  const Owners owners = plan::owners_of(plan);
  ASSERT_TRUE(owners.arrival.known());
  const Steering card(in.nic, in.fields, plan.configuration);
  std::set<int> seen;
  for (std::uint16_t port = 30000; port < 30200; ++port) {
    const FlowKey key{0x0a070009, port, in.workload.host.address, store, true};
    const int home = owners.of_connection({key.src, key.dst, key.src_port, key.dst_port});
    EXPECT_EQ(home, static_cast<int>(card.deliver(key)->queue));
    seen.insert(home);
  }
  EXPECT_EQ(seen.size(), 2u);
}

TEST(QueueGroups, OfUnknownOrderAreForDatagramsOfStrangers) {
  for (const char* nic : {"ideal", "intel_e810"}) {
    const plan::Plan plan = compiled(datagrams(nic, 5), true);
    EXPECT_EQ(plan.proof.status, "proved") << nic;
    const plan::Filter* rule = group_of(plan);
    ASSERT_NE(rule, nullptr) << nic;
    EXPECT_EQ(rule->group, (std::vector<unsigned>{2, 3, 4, 5})) << nic;
    const bool known = std::string(nic) == "ideal";
    EXPECT_EQ(plan::target_text(*rule), known ? "queues 2-5 by hash" : "any of queues 2-5");
    EXPECT_EQ(plan::table_of(*rule).empty(), !known);
  }
  // Three are no power of two; connections are on one queue each.
  EXPECT_EQ(group_of(planned(datagrams("intel_e810", 4))), nullptr);
  EXPECT_EQ(group_of(planned(connections("intel_e810", 2))), nullptr);
  // Flows that are known have one queue that owns them.
  Inputs in = datagrams("intel_e810", 5);
  in.workload.flows[0].endpoint = static_cast<unsigned>(in.workload.endpoints.size() - 1);
  in.workload.flows[0].dst_port = 99;
  EXPECT_EQ(group_of(planned(in)), nullptr);
}

TEST(QueueGroups, LimitsOfTheCardAreKeptOrThereIsNone) {
  Inputs in = connections("ideal", 3);
  ir::QueueGroups& may = *in.nic.receive.node(*in.nic.receive.find("flows")).config.table->groups;
  const auto rules = [&] { return planned(in).configuration.filters.size(); };
  const std::size_t one = rules();
  may.power_of_two = true;
  EXPECT_EQ(group_of(planned(in)), nullptr);
  EXPECT_GT(rules(), one) << "by low bits of the source port";
  in.workload.gold_queues = 2;
  EXPECT_NE(group_of(planned(in)), nullptr);
  may.count = 1;
  EXPECT_NE(group_of(planned(in)), nullptr);
  in.workload.endpoints[0].ports = 2;  // one group for each
  EXPECT_EQ(group_of(planned(in)), nullptr);
}

TEST(QueueGroups, AreReadAsTheyAreWritten) {
  const plan::Plan plan = compiled(datagrams("intel_e810", 5));
  const std::string text = plan::to_yaml(plan);
  EXPECT_NE(text.find("queues: [2, 3, 4, 5], "), std::string::npos);
  const plan::Plan again = must(plan::plan_from_text(text, "plan.yaml", fields()));
  EXPECT_EQ(plan::to_yaml(again), text);
  EXPECT_EQ(group_of(again)->group, group_of(plan)->group);
}

TEST(QueueGroups, RunningPlansKeepThem) {
  const Inputs in = connections("ideal", 2);
  const plan::Plan plan = compiled(in);
  const auto choice = choose_beside(in, {}, plan);
  ASSERT_TRUE(choice);
  ASSERT_EQ(choice->sockets.size(), 1u);
  EXPECT_EQ(choice->sockets[0].group, group_of(plan)->group);
}

// A flow that comes by a group's rule is on the queue to which the hash brings it; were it on
// another one, it would be handed over.
TEST(QueueGroups, KnownFlowsAreWhereTheHashBringsThem) {
  Inputs in = datagrams("ideal", 5);
  in.nic.receive.node(*in.nic.receive.find("flows")).config.table->capacity = 1;
  ir::Flow& flow = in.workload.flows[0];
  flow.endpoint = static_cast<unsigned>(in.workload.endpoints.size() - 1), flow.dst_port = 99;
  plan::Plan plan = compiled(in, true);
  EXPECT_EQ(plan.proof.status, "proved");
  ASSERT_EQ(plan.configuration.filters.size(), 1u);
  ASSERT_NE(group_of(plan), nullptr);
  const auto at = std::find_if(plan.flows.begin(), plan.flows.end(),
                               [](const plan::FlowEntry& f) { return f.dst_port == 99; });
  ASSERT_NE(at, plan.flows.end());
  const auto where = deliver(in.nic, in.fields, plan.configuration, key_of(*at));
  ASSERT_TRUE(where);
  EXPECT_EQ(where->table, "flows");
  EXPECT_EQ(where->queue, at->queue);
  at->queue = at->queue == 5 ? 4 : at->queue + 1;
  const auto suspects = check_tables(plan, in).suspects;
  ASSERT_EQ(suspects.size(), 1u);
  EXPECT_NE(suspects[0].why.find("its state is on queue"), std::string::npos);
}

// What no card takes, or what the plan says otherwise, is refused.
TEST(QueueGroups, FaultsAreFound) {
  const Inputs in = connections("ideal", 2);
  const plan::Plan plan = compiled(in);
  const auto refused = [&](auto&& change) {
    plan::Plan faulty = plan;
    for (plan::Filter& f : faulty.configuration.filters)
      if (!f.group.empty()) change(f);
    const auto ok = check_plan(faulty, in);
    return ok ? std::string() : ok.error().list.front().code;
  };
  EXPECT_EQ(refused([](plan::Filter&) {}), "");
  EXPECT_EQ(refused([](plan::Filter& f) { f.entries = 64; }), "E0508");
  EXPECT_EQ(refused([](plan::Filter& f) { f.group[1] = f.group[0]; }), "E0508");
  EXPECT_EQ(refused([](plan::Filter& f) { f.group[1] = 77; }), "E0505");
  EXPECT_EQ(refused([](plan::Filter& f) { f.table = "datagrams"; }), "E0508");
  // Nobody says where connections are in such a group.
  Inputs e810 = connections("intel_e810", 2);
  plan::Plan odd = compiled(e810);
  plan::Filter& rule = odd.configuration.filters.at(0);
  rule.group = odd.chosen.zones.at(1).queues;
  rule.queue = rule.group.front();
  const auto proved = verify_plan(odd, e810);
  ASSERT_TRUE(proved) << diag::render(proved.error(), false);
  EXPECT_FALSE(proved->proved) << "nobody says where its connections are";
}

}  // namespace
}  // namespace weft::passes::testing
