// Regions of queues: rules that say a protocol and nothing else, for an endpoint that is to have
// several queues where no rule for its port can name them.
#include <gtest/gtest.h>

#include <set>

#include "compiler/ir/queue_group.h"
#include "compiler/passes/choose.h"
#include "compiler/passes/choose_beside.h"
#include "compiler/passes/configure.h"
#include "compiler/passes/delta_proof.h"
#include "compiler/passes/steer.h"
#include "compiler/passes/tables.h"
#include "compiler/plan/owners.h"
#include "compiler/plan/preview.h"
#include "compiler/plan/segment_rules.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

constexpr std::uint16_t store = 11211, web = 80;

// A store of gold with so many of eight queues; nobody else has TCP.
Inputs alone(unsigned queues = 4) {
  Inputs in = inputs("intel_xl710", "policy_gold_tcp", "host_ipv4");
  in.workload.queues = 8;
  in.workload.gold_queues = queues;
  in.workload.endpoints.erase(in.workload.endpoints.begin() + 1);  // web
  return in;
}

// Beside it one that is everybody's.
Inputs beside_web(unsigned queues = 4) {
  Inputs in = inputs("intel_xl710", "policy_gold_tcp", "host_ipv4");
  in.workload.queues = 8;
  in.workload.gold_queues = queues;
  in.workload.endpoints[0].rate = 9000;
  return in;
}

// One endpoint of UDP, on the last four queues.
Inputs datagrams() {
  Inputs in = inputs("intel_xl710", "quickstart", "host_udp_ipv4");
  in.workload.queues = 8;
  in.workload.endpoints.resize(1);
  ir::Endpoint& e = in.workload.endpoints[0];
  e.port = 7, e.rate = 1000, e.exclusive = true;
  e.queues = ir::QueueRange{4, 7};
  in.workload.flows.clear();
  in.workload.sets.clear();
  return in;
}

plan::Plan compiled(const Inputs& in, bool prove = false) {
  Options options;
  options.prove = prove;
  options.certify = prove;
  return must(compile(in, options));
}

// What the card is told alone.
plan::Plan planned(const Inputs& in) {
  plan::Plan plan;
  EXPECT_TRUE(configure(in, must(choose(in, {})), plan));
  return plan;
}

const plan::Filter* region_of(const plan::Plan& plan) {
  const auto& filters = plan.configuration.filters;
  const auto at = std::find_if(filters.begin(), filters.end(), plan::about_whole_type);
  return at == filters.end() ? nullptr : &*at;
}

unsigned queue_of(const Inputs& in, const plan::Plan& plan, std::uint16_t from, std::uint16_t to,
                  bool tcp = true) {
  return deliver(in.nic, in.fields, plan.configuration,
                 {0x0a070009, from, in.workload.host.address, to, tcp})
      ->queue;
}

TEST(QueueRegions, WhoHasAllOfAProtocolGetsOne) {
  const Inputs in = alone();
  const plan::Plan plan = compiled(in, true);
  EXPECT_EQ(plan.proof.status, "proved");
  ASSERT_EQ(plan.configuration.filters.size(), 1u);
  const plan::Filter* rule = region_of(plan);
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->table, "regions");
  EXPECT_EQ(rule->group, (std::vector<unsigned>{4, 5, 6, 7}));
  EXPECT_EQ(rule->match.at("ipv4.protocol").first, 6u);
  EXPECT_EQ(ir::in_turn(plan.configuration.rss.table), 4u);
  std::set<unsigned> of_store, of_nobody, of_udp;
  const Owners owners = plan::owners_of(plan);
  for (std::uint16_t port = 30000; port < 30400; ++port) {
    of_store.insert(queue_of(in, plan, port, store));
    of_nobody.insert(queue_of(in, plan, port, 4711));
    of_udp.insert(queue_of(in, plan, port, 7, false));
    EXPECT_EQ(owners.of_connection({0x0a070009, in.workload.host.address, port, store}),
              static_cast<int>(queue_of(in, plan, port, store)));
  }
  EXPECT_EQ(of_store, (std::set<unsigned>{4, 5, 6, 7}));
  EXPECT_EQ(of_nobody, of_store) << "a closed port's segments come there, too";
  EXPECT_EQ(of_udp, (std::set<unsigned>{0, 1, 2, 3}));
  EXPECT_NE(plan::preview(plan, {}).find("strangers of TCP"), std::string::npos);
}

// Others of the protocol have rules of flow director, which are asked first.
TEST(QueueRegions, OthersOfTheProtocolHaveRulesInFrontOfIt) {
  for (const bool proved : {true, false}) {
    Inputs in = beside_web();
    if (!proved) in.workload.endpoints[1].rate = 0;  // nobody is known to come there
    const plan::Plan plan = proved ? compiled(in, true) : planned(in);
    ASSERT_NE(region_of(plan), nullptr);
    ASSERT_EQ(plan.configuration.filters.size(), 2u);
    for (std::uint16_t port = 30000; port < 30100; ++port) {
      EXPECT_GE(queue_of(in, plan, port, store), 4u);
      EXPECT_LT(queue_of(in, plan, port, web), 4u);
    }
  }
}

// Who would have one queue for that instead of many has more to do: the store stays on one.
TEST(QueueRegions, NoneWhereMoreIsSentToOthers) {
  Inputs in = beside_web();
  in.workload.endpoints[1].rate = 10000;
  EXPECT_EQ(region_of(planned(in)), nullptr);
  in.workload.endpoints[1].rate = 100;
  EXPECT_NE(region_of(planned(in)), nullptr);
  // Those in sets count as well.
  in.workload.sets.push_back(
      {.src = 0x0a090000, .src_mask = 0xffff0000, .dst_port = web, .endpoint = 1, .rate = 10000});
  EXPECT_EQ(region_of(planned(in)), nullptr);
}

// Into a region of memory that a process of its own reads goes nobody else's, not even an answer
// to what others have opened.
TEST(QueueRegions, MemoryOfAProcessIsForItsOwn) {
  Inputs in = beside_web();
  in.workload.policy = ir::Policy::balance;
  ir::Endpoint& store = in.workload.endpoints[0];
  store.trust = "bank", store.placement = ir::Placement::dedicated;
  store.queues = ir::QueueRange{4, 7};
  EXPECT_EQ(region_of(planned(in)), nullptr);
  in.workload.endpoints.erase(in.workload.endpoints.begin() + 1);
  const plan::Plan plan = compiled(in);
  ASSERT_NE(region_of(plan), nullptr);
  ASSERT_TRUE(check_plan(plan, in));
}

// Those that share its queues come by the region, too.
TEST(QueueRegions, WhoSharesTheQueuesNeedsNoRule) {
  Inputs in = beside_web();
  in.workload.endpoints[1].gold = true;
  const plan::Plan plan = planned(in);
  ASSERT_EQ(plan.configuration.filters.size(), 1u);
  ASSERT_NE(region_of(plan), nullptr);
  for (std::uint16_t port = 30000; port < 30100; ++port)
    EXPECT_GE(queue_of(in, plan, port, web), 4u);
}

TEST(QueueRegions, NoneWhereTheCardHasNoSuchQueues) {
  EXPECT_EQ(region_of(planned(alone(3))), nullptr) << "no power of two";
  EXPECT_EQ(region_of(planned(alone(1))), nullptr) << "one queue needs none";
  Inputs in = alone(4);
  in.workload.queues = 6;
  EXPECT_EQ(region_of(planned(in)), nullptr) << "everybody's two queues are no four in turn";
  in.workload.gold_queues = 2;
  EXPECT_NE(region_of(planned(in)), nullptr);
  // No rules for the others: flow director is full.
  in = beside_web();
  in.nic.receive.node(*in.nic.receive.find("fdir")).config.table->capacity = 1;
  in.workload.endpoints[1].ports = 2;
  EXPECT_EQ(region_of(planned(in)), nullptr);
}

TEST(QueueRegions, DatagramsHaveOneAsWell) {
  const plan::Plan plan = compiled(datagrams(), true);
  EXPECT_EQ(plan.proof.status, "proved");
  ASSERT_NE(region_of(plan), nullptr);
  EXPECT_EQ(region_of(plan)->match.at("ipv4.protocol").first, 17u);
}

TEST(QueueRegions, RunningPlansKeepThem) {
  const Inputs in = beside_web();
  const plan::Plan plan = compiled(in);
  const auto choice = choose_beside(in, {}, plan);
  ASSERT_TRUE(choice);
  const auto whole = std::find_if(choice->sockets.begin(), choice->sockets.end(),
                                  [](const SocketChoice& s) { return s.whole; });
  ASSERT_NE(whole, choice->sockets.end());
  EXPECT_EQ(whole->group, region_of(plan)->group);
}

// What the card does not take, or would do otherwise, is refused with what is wrong.
TEST(QueueRegions, FaultsAreFound) {
  const Inputs in = alone();
  const plan::Plan plan = compiled(in);
  const auto refused = [&](auto&& change) {
    plan::Plan faulty = plan;
    change(faulty.configuration, faulty.configuration.filters.at(0));
    const auto ok = check_plan(faulty, in);
    return ok ? std::string() : ok.error().list.front().message;
  };
  using C = plan::Configuration;
  using F = plan::Filter;
  EXPECT_EQ(refused([](C&, F&) {}), "");
  const auto has = [](const std::string& text, const char* words) {
    EXPECT_NE(text.find(words), std::string::npos) << text;
  };
  has(refused([](C&, F& f) { f.group = {5, 6, 7}, f.queue = 5; }), "a power of two");
  has(refused([](C&, F& f) { f.group = {4, 6}; }), "one behind the other");
  has(refused([](C&, F& f) { f.group = {2, 3}, f.queue = 2; }), "no group of the first 4 queues");
  has(refused([](C&, F& f) { f.entries = 64; }), "512 entries");
  has(refused([](C& c, F&) { c.rss.table[77] = 0; }), "in turn");
  has(refused([](C& c, F& f) {
        F other = f;
        other.id = "other", other.match["ipv4.protocol"].first = 17;
        other.group = {6, 7}, other.queue = 6;
        c.filters.push_back(std::move(other));
      }),
      "or none");
  has(refused([](C& c, F& f) {
        const F other = f;
        for (unsigned i = 0; i < 7; ++i) {
          c.filters.push_back(other);
          c.filters.back().id += std::to_string(i);
        }
      }),
      "table regions takes 7 rules");
}

// A plan that the card takes, and that is wrong: the proof has a packet.
TEST(QueueRegions, WrongOnesAreRefusedWithAPacket) {
  const Inputs in = alone();
  const plan::Plan plan = compiled(in);
  plan::Plan unhashed = plan;  // all segments on the region's first queue
  std::erase(unhashed.configuration.rss.types, "ipv4_tcp");
  const auto verdict = must(verify_plan(unhashed, in));
  EXPECT_FALSE(verdict.proved);
  ASSERT_TRUE(verdict.counterexample);
  EXPECT_FALSE(verdict.counterexample->frame.empty());
}

// Known flows are where the hash brings them in the region: on another queue they are suspects.
TEST(QueueRegions, KnownFlowsAreWhereTheHashBringsThem) {
  Inputs in = datagrams();
  in.nic.receive.node(*in.nic.receive.find("fdir")).config.table->capacity = 0;
  for (unsigned i = 0; i < 8; ++i)
    in.workload.flows.push_back({.src = 0x0a070010 + i, .src_port = 5000, .dst_port = 7});
  plan::Plan plan = compiled(in, true);
  EXPECT_EQ(plan.proof.status, "proved");
  ASSERT_NE(region_of(plan), nullptr);
  ASSERT_EQ(plan.flows.size(), 8u);
  EXPECT_TRUE(check_tables(plan, in).suspects.empty());
  std::set<unsigned> on;
  for (const plan::FlowEntry& f : plan.flows) on.insert(f.queue);
  EXPECT_GT(on.size(), 1u);
  EXPECT_EQ(*on.lower_bound(4), *on.begin());
  plan.configuration.filters.at(0).group = {6, 7};
  plan.configuration.filters.at(0).queue = 6;
  const auto suspects = check_tables(plan, in).suspects;
  ASSERT_FALSE(suspects.empty());
  EXPECT_NE(suspects[0].why.find("its state is on queue"), std::string::npos);
}

TEST(QueueRegions, TheTableStaysWhileOneStands) {
  const Inputs in = alone();
  const auto proof = must(DeltaProof::begin(compiled(in), in));
  const auto done = proof->step({.kind = plan::Operation::Kind::set_table, .entries = {{3, 1}}});
  ASSERT_FALSE(done);
  EXPECT_NE(diag::render(done.error(), false).find("spreads over its queues by the table"),
            std::string::npos);
}

TEST(QueueRegions, WhatTheTableMustNameIsToldByIt) {
  EXPECT_EQ(ir::in_turn({0, 1, 2, 3, 0, 1, 2, 3}), 4u);
  EXPECT_EQ(ir::in_turn({0, 0}), 1u);
  EXPECT_EQ(ir::in_turn({0, 1, 2, 0, 1, 2}), 0u);
  EXPECT_EQ(ir::in_turn({1, 0}), 0u);
  EXPECT_EQ(ir::in_turn({}), 0u);
  EXPECT_EQ(ir::why_not_beside({0, 1, 0, 1}, {2, 3}), "");
  EXPECT_NE(ir::why_not_beside({0, 1, 0, 1}, {4, 5, 6, 7}), "");
  EXPECT_NE(ir::why_not_beside({0, 1, 0, 1}, {1, 2}), "");
}

}  // namespace
}  // namespace weft::passes::testing
