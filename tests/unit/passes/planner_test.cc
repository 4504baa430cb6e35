// What flows ask for stays known while a stack runs: where they belong, and that they stay there.
#include "compiler/planner/planner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "compiler/plan/delta.h"
#include "compiler/plan/places.h"
#include "compiler/plan/segment_rules.h"
#include "tests/unit/passes/fixture.h"

namespace weft::planner::testing {
namespace {

using passes::testing::inputs;
using passes::testing::must;

TEST(Planner, FlowsKeepToTheirOwnClassAndQueue) {
  passes::Inputs in = inputs("intel_82599", "policy_gold");
  passes::Options options;
  options.prove = false;
  const plan::Plan plan = must(passes::compile(in, options));
  const auto& gold = plan.chosen.zones.at(1).queues;
  const auto is_gold = [&](unsigned q) { return std::binary_search(gold.begin(), gold.end(), q); };
  auto planner = must(Planner::begin(plan, in));
  ASSERT_FALSE(in.workload.endpoints[1].gold);
  const auto key = [&](std::uint16_t port) {
    return FlowKey{0x0a070009, port, in.workload.host.address, in.workload.endpoints[1].port};
  };
  must(planner->add_flow(key(1), 1, 10, {.gold = true, .queue = {}}));
  EXPECT_TRUE(is_gold(planner->decider().find(key(1))->entry.queue));
  must(planner->add_flow(key(2), 1, 10));
  EXPECT_FALSE(is_gold(planner->decider().find(key(2))->entry.queue));
  must(planner->add_flow(key(3), 1, 1e6, {.gold = {}, .queue = 1}));
  must(planner->add_flow(key(4), 1, 9e5, {.gold = {}, .queue = 1}));
  EXPECT_FALSE(planner->add_flow(key(5), 1, 1, {.gold = {}, .queue = gold.front()}))
      << "a queue of others";
  EXPECT_FALSE(planner->move_flow(key(3), 2));
  const auto stay = [&](Planner& p) {
    must(p.rebalance(16, 0.001));
    for (const std::uint16_t port : {std::uint16_t{3}, std::uint16_t{4}})
      EXPECT_EQ(p.decider().find(key(port))->entry.queue, 1u) << port;
    EXPECT_TRUE(is_gold(p.decider().find(key(1))->entry.queue));
  };
  stay(*planner);
  // Whoever begins anew knows it from the plan.
  const auto text = plan::to_yaml(planner->complete_plan());
  const plan::Plan read = must(plan::plan_from_text(text, "plan", in.fields));
  EXPECT_EQ(plan::to_yaml(read), text);
  passes::Inputs again = in;
  again.workload = workload_of(read);
  auto other = must(Planner::begin(read, again));
  other->workload();
  must(other->add_flow(key(6), 1, 10));
  stay(*other);
  const auto flows = other->workload().flows;
  const auto first = std::find_if(flows.begin(), flows.end(), [&](const ir::Flow& f) {
    return f.src == key(1).src && f.src_port == 1;
  });
  ASSERT_NE(first, flows.end());
  EXPECT_TRUE(first->gold);
}

ir::FlowSet from(std::uint32_t src, unsigned length, std::uint16_t port = 0) {
  ir::FlowSet out{.src = src, .src_mask = ~std::uint32_t{0} << (32 - length), .dst_port = 80};
  out.src_port = port;
  out.src_port_mask = port == 0 ? 0 : 0xffff;
  out.endpoint = 1;
  return out;
}

// A rule for each set of connections: it comes, moves and goes, each step proved.
TEST(Planner, ConnectionsHaveRulesThatComeAndGo) {
  passes::Inputs in = inputs("intel_82599", "policy_gold_tcp", "host_ipv4");
  in.workload.queues = 3;
  const plan::Plan plan = must(passes::compile(in, {.prove = false}));
  auto planner = must(Planner::begin(plan, in));
  const auto gold = plan.chosen.zones.at(1).queues;
  const auto rules = [&] { return planner->plan().configuration.filters.size(); };
  const std::size_t before = rules();
  const auto added = must(planner->add_connections({from(0x0a070009, 32, 5000)}));
  ASSERT_EQ(added.size(), 1u);
  EXPECT_EQ(added[0].filter.table, "ntuple5");
  EXPECT_FALSE(std::binary_search(gold.begin(), gold.end(), added[0].filter.queue));
  EXPECT_EQ(planner->proof().status, "proved");
  EXPECT_FALSE(planner->add_connections({from(0x0a070009, 32, 5000)})) << "twice";
  EXPECT_FALSE(planner->add_connections({from(in.workload.host.address, 32)})) << "from itself";
  EXPECT_FALSE(
      planner->add_connections({from(0x0a070009, 32, 5001)}, {.gold = {}, .queue = gold.front()}))
      << "a queue of others";
  const Planner::Which one{{from(0x0a070009, 32, 5000)}, {}, ""};
  EXPECT_TRUE(planner->knows_connections(one));
  EXPECT_FALSE(planner->move_connections(one, gold.front())) << "a queue of others";
  const unsigned other = added[0].filter.queue == 0 ? 1 : 0;
  const auto moved = must(planner->move_connections(one, other));
  EXPECT_EQ(moved.back().kind, plan::Operation::Kind::drain);
  planner->take_back();
  EXPECT_FALSE(planner->move_connections({one.sets, {}, "store"}, std::nullopt)) << "not its";
  must(planner->move_connections({one.sets, {}, "web"}, std::nullopt));
  EXPECT_FALSE(planner->knows_connections(one));
  EXPECT_EQ(rules(), before);
}

// In the table that has the rule for all that comes to the endpoint, and in front of it.
TEST(Planner, ASetOfConnectionsStandsInFrontOfItsEndpointsRule) {
  passes::Inputs in = inputs("ideal", "policy_gold_tcp", "host_ipv4");
  auto planner = must(Planner::begin(must(passes::compile(in, {.prove = false})), in));
  const auto& filters = planner->plan().configuration.filters;
  const auto wide = std::find_if(filters.begin(), filters.end(), plan::about_segments);
  ASSERT_NE(wide, filters.end());
  const plan::Filter all = *wide;
  ir::FlowSet set = from(0x0a070009, 32, 5000);
  set.endpoint = 0;
  set.dst_port = in.workload.endpoints[0].port;
  const auto added = must(planner->add_connections({set}));
  EXPECT_EQ(added.at(0).filter.table, all.table);
  EXPECT_LT(added.at(0).filter.priority, all.priority) << "the lowest goes first";
  EXPECT_EQ(planner->proof().status, "proved");
}

// Three endpoints with flows of their own.
passes::Inputs three(const std::string& nic) {
  passes::Inputs in = inputs(nic, "quickstart");
  in.workload.endpoints = {{.name = "a", .port = 7, .app = "udp_echo", .rate = 10},
                           {.name = "b", .port = 8, .app = "udp_echo", .rate = 10},
                           {.name = "c", .port = 9, .app = "udp_echo", .rate = 10}};
  in.workload.flows.clear();
  for (std::uint16_t i = 0; i < 30; ++i)
    in.workload.flows.push_back({.src = 0x0a070009,
                                 .src_port = static_cast<std::uint16_t>(1000 + i),
                                 .dst_port = static_cast<std::uint16_t>(7 + i % 3),
                                 .endpoint = i % 3u,
                                 .rate = 10});
  return in;
}

// As the workload's reader refuses them; and whose flow one is may be said.
TEST(Planner, FlowsThatNoPacketIsOfAndFlowsOfOthersAreRefused) {
  passes::Inputs in = three("intel_82599");
  passes::Options options;
  options.prove = false;
  auto planner = must(Planner::begin(must(passes::compile(in, options)), in));
  const std::uint32_t own = in.workload.host.address;
  const std::string before = plan::to_yaml(planner->plan());
  const auto why = [&](const FlowKey& key, unsigned endpoint) {
    auto list = planner->add_flow(key, endpoint, 1);
    EXPECT_FALSE(list);
    return list ? "" : list.error().list.front().message;
  };
  EXPECT_NE(why({own, 1, own, 7}, 0).find("the own address"), std::string::npos);
  EXPECT_NE(why({0xe0000009, 1, own, 7}, 0).find("a group address"), std::string::npos);
  EXPECT_NE(why({0x0a0700ff, 1, own, 7}, 0).find("broadcast"), std::string::npos);
  EXPECT_EQ(why({0x0a070009, 1, 0x0a070009, 7}, 0), "endpoint `a` does not listen there");
  EXPECT_EQ(why({0x0a070009, 1, own, 8}, 0), "endpoint `a` does not listen there");
  const FlowKey key{0x0a070009, 1000, own, 7};
  auto refused = planner->remove_flow(key, "b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().list.front().message,
            "flow 10.7.0.9:1000 to 10.7.0.2:7 is endpoint `a`'s, not `b`'s");
  EXPECT_EQ(plan::to_yaml(planner->plan()), before);
  must(planner->remove_flow(key, "a"));
}

TEST(Planner, EndpointInTheMiddleGoesAndAnotherTakesItsPlace) {
  passes::Inputs in = three("intel_e810");  // its rules mark packets
  passes::Options options;
  options.queues = 4;
  options.prove = false;
  const plan::Plan plan = must(passes::compile(in, options));
  auto planner = must(Planner::begin(plan, in));
  const auto gone = must(planner->remove_endpoint("b"));
  EXPECT_EQ(gone.back().kind, plan::Operation::Kind::remove_endpoint);
  EXPECT_EQ(gone.back().place, 1u);
  EXPECT_TRUE(planner->checked().settled());
  ASSERT_EQ(planner->plan().endpoints.size(), 3u);
  EXPECT_TRUE(planner->plan().endpoints[1].vacant());
  EXPECT_FALSE(planner->add_flow({1, 1, in.workload.host.address, 8}, 1, 1));
  EXPECT_FALSE(planner->remove_endpoint("b"));
  EXPECT_FALSE(planner->remove_endpoint(""));

  // It is a plan like any other: written, read, proved by itself.
  const plan::Plan now = planner->complete_plan();
  EXPECT_EQ(plan::to_yaml(must(plan::plan_from_text(plan::to_yaml(now), "p", in.fields))),
            plan::to_yaml(now));
  passes::Inputs then = in;
  then.workload = planner->workload();
  EXPECT_TRUE(must(passes::verify_plan(now, then)).proved);

  // What a fresh compile makes of the workload without it, but for the numbers of endpoints.
  std::erase_if(in.workload.flows, [](const ir::Flow& f) { return f.endpoint == 1; });
  for (ir::Flow& f : in.workload.flows) f.endpoint /= 2;
  in.workload.endpoints.erase(in.workload.endpoints.begin() + 1);
  const plan::Plan fresh = must(passes::compile(in, options));
  ASSERT_EQ(fresh.endpoints.size(), 2u);
  const plan::Plan placed = plan::with_places_of(fresh, now.endpoints);
  passes::Inputs kept = in;
  kept.workload = plan::with_places_of(in.workload, now.endpoints);
  must(planner->change_to(placed, kept.workload));
  EXPECT_TRUE(plan::same_but_for_names(planner->plan(), placed));
  passes::Options proved = options;
  proved.prove = true;
  EXPECT_EQ(must(passes::compile(kept, proved)).proof.status, "proved") << "vacant places and all";

  const auto come =
      must(planner->add_endpoint({.name = "d", .port = 10, .app = "udp_echo", .rate = 10}));
  EXPECT_EQ(come.back().place, 1u);
  must(planner->add_flow({0x0a070009, 2000, in.workload.host.address, 10}, 1, 10));
  must(planner->remove_endpoint("a"));
  must(planner->remove_endpoint("c"));
  EXPECT_EQ(planner->plan().endpoints.size(), 2u);  // nothing vacant behind the last one
  EXPECT_EQ(planner->plan().flows.size(), 1u);
  EXPECT_FALSE(planner->remove_endpoint("d")) << "the only one";
  planner->take_back();
  EXPECT_EQ(planner->plan().endpoints.at(2).name, "c");
  EXPECT_TRUE(planner->checked().settled());
}

// Its number is free when nothing bears it any more, not before.
TEST(Planner, EndpointStaysWhilePacketsMarkedForItAreOnTheirWay) {
  passes::Inputs in = three("intel_xl710");
  in.workload.endpoints[1].queues = ir::QueueRange{3, 3};  // so all that comes to it has a rule
  std::erase_if(in.workload.flows, [](const ir::Flow& f) { return f.endpoint == 1; });
  passes::Options options;
  options.queues = 4;
  options.prove = false;
  plan::Plan before = must(passes::compile(in, options));
  plan::sort_flows(before);
  const auto marked = [](const plan::Plan& p) {
    return std::count_if(p.configuration.filters.begin(), p.configuration.filters.end(),
                         [](const plan::Filter& f) { return f.mark == 2; });
  };
  ASSERT_EQ(marked(before), 1);
  plan::Plan after = before;
  plan::remove_endpoint(after, 1);
  EXPECT_EQ(marked(after), 0);
  const auto list = must(plan::operations(before, after));
  ASSERT_EQ(list.size(), 3u);
  ASSERT_EQ(list[0].kind, plan::Operation::Kind::destroy_rule);
  ASSERT_EQ(list[1].kind, plan::Operation::Kind::drain);
  ASSERT_EQ(list[2].kind, plan::Operation::Kind::remove_endpoint);

  auto proof = must(passes::DeltaProof::begin(before, in));
  ir::Workload then = in.workload;
  ir::take_endpoint(then.endpoints, 1);
  const auto refused = [&](const plan::Operation& o, const char* code) {
    const auto done = proof->step(o);
    EXPECT_FALSE(done);
    return done || done.error().list.front().code == code;
  };
  EXPECT_TRUE(refused(list[2], "E0673")) << "it is wanted";
  proof->want_all(then);
  EXPECT_TRUE(refused(list[2], "E0671")) << "a rule marks packets for it";
  EXPECT_TRUE(proof->step(list[0]));
  EXPECT_TRUE(refused(list[2], "E0673")) << "they may wait";
  EXPECT_TRUE(proof->step(list[1]));
  EXPECT_TRUE(proof->step(list[2]));
  EXPECT_TRUE(proof->settled());

  // The same from a workload without it: nothing else moves.
  in.workload = then;
  options.beside = &before;
  plan::Plan beside = must(passes::compile(in, options));
  plan::sort_flows(beside);
  EXPECT_EQ(must(plan::operations(before, beside)).size(), 3u);
}

}  // namespace
}  // namespace weft::planner::testing
