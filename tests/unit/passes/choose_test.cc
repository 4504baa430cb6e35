// What is asked of a card stays within what it has; loads are even.
#include "compiler/passes/choose.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "compiler/passes/choose_delta.h"
#include "compiler/passes/configure.h"
#include "compiler/passes/steer.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

void set_flows(Inputs& in, unsigned count) {
  in.workload.flows.clear();
  for (auto& endpoint : in.workload.endpoints) endpoint.rate = 0;
  for (unsigned i = 0; i < count; ++i) {
    ir::Flow flow;
    flow.src = 0x0a070001 + i / 20000;
    flow.src_port = static_cast<std::uint16_t>(1024 + i % 20000);
    flow.dst_port = 7;
    in.workload.flows.push_back(flow);
  }
}

TEST(Choose, FillsTheTablesOfThe82599AndThenStops) {
  Inputs in = inputs("intel_82599", "quickstart");
  set_flows(in, 128 + 2046 + 5);
  const auto choice = must(choose(in, {}));
  std::map<std::string, unsigned> used;
  for (const auto& f : choice.flows) ++used[f.table];
  EXPECT_EQ(used["ntuple5"], 128u);
  EXPECT_EQ(used["fdir"], 2046u);
  EXPECT_EQ(used[""], 5u);
}

TEST(Choose, SpreadsFlowsEvenlyOverTheirQueues) {
  Inputs in = inputs("intel_82599", "quickstart");
  set_flows(in, 120);
  const auto choice = must(choose(in, {}));
  std::map<unsigned, unsigned> load;
  for (const auto& f : choice.flows) ++load[f.queue];
  EXPECT_EQ(load.size(), 4u);
  for (const auto& [queue, flows] : load) EXPECT_EQ(flows, 30u) << queue;
  EXPECT_EQ(choice.open, std::vector<unsigned>{0}) << "the others need not classify";
  EXPECT_EQ(choice.chosen.queues.busiest, choice.chosen.queues.bound);
  EXPECT_EQ(choice.chosen.certified, std::vector<std::string>{"filters"});
}

// 1,000 flows with rates of Zipf's law, cores for the queues.
Inputs with_zipf(const char* nic, unsigned queues, unsigned cores, double skew) {
  Inputs in = inputs(nic, "quickstart");
  set_flows(in, 1000);
  in.workload.queues = queues;
  in.workload.cores = cores;
  for (unsigned i = 0; i < 1000; ++i)
    in.workload.flows[i].rate = 1e6 / std::pow(1 + i * 7 % 1000, skew);
  return in;
}

TEST(Choose, AThousandZipfFlowsAreEvenOverQueuesAndCores) {
  struct Case {
    const char* nic;
    unsigned queues, cores;
    double skew;
  };
  for (const Case& c : {Case{"intel_82599", 8, 4, 0.8},
                        {"intel_82599", 16, 8, 1.0},
                        {"intel_e810", 8, 4, 0.0},
                        {"intel_e810", 16, 5, 0.8}}) {
    const Inputs in = with_zipf(c.nic, c.queues, c.cores, c.skew);
    Options options;
    options.prove = false;
    const auto plan = must(compile(in, options));
    const auto what =
        fmt::format("{}, {} queues, {} cores, skew {}", c.nic, c.queues, c.cores, c.skew);
    ASSERT_EQ(plan.configuration.rx_queues, c.queues) << what;
    // (Of 16 queues on 5 cores some core has four; what counts first is the busiest core.)
    EXPECT_TRUE(c.queues % c.cores != 0 || plan.chosen.queues.share() <= 0.02) << what;
    EXPECT_LE(plan.chosen.cores.share(), 0.05) << what;
    // What cores are compared with is no figure of the plan: their mean, or the heaviest flow.
    double sum = 0, heaviest = 0, rates = 0;
    for (const auto& core : plan.cores) sum += core.load;
    for (const auto& f : in.workload.flows) {
      heaviest = std::max(heaviest, f.rate);
      rates += f.rate;
    }
    EXPECT_LE(plan.chosen.cores.busiest, 1.05 * std::max(sum / c.cores, sum * heaviest / rates))
        << what;
  }
}

TEST(Choose, WhereThereIsLittleToTryTheBalanceIsKnownToBeTheBest) {
  Inputs in = inputs("intel_82599", "quickstart");
  set_flows(in, 10);
  // 10 flows, 4 queues: the sum of 91 over 4 is 22.75, and no assignment comes below 23.
  const double rates[] = {14, 13, 12, 11, 10, 9, 8, 6, 5, 3};
  for (unsigned i = 0; i < 10; ++i) in.workload.flows[i].rate = rates[i];
  const auto choice = must(choose(in, {}));
  EXPECT_GT(choice.chosen.queues.bound, 0);
  EXPECT_EQ(choice.chosen.queues.bound, choice.chosen.queues.busiest);
  // Three equal flows on two queues, and the gap of what nobody can try is still told.
  set_flows(in, 3);
  in.workload.queues = 2;
  EXPECT_EQ(must(choose(in, {})).chosen.queues.share(), 0);
}

// Which queues the flows of an endpoint arrive on, by the configured card.
std::set<unsigned> queues_of(const Inputs& in, const plan::Plan& plan, unsigned endpoint) {
  std::set<unsigned> out;
  const Steering card(in.nic, in.fields, plan.configuration);
  for (const auto& f : plan.flows) {
    if (f.endpoint != endpoint) continue;
    const auto where = card.deliver({f.src, f.src_port, f.dst, f.dst_port});
    out.insert(where ? where->queue : f.queue);
  }
  return out;
}

// What the card is told, without residues.
plan::Plan configured(const Inputs& in) {
  plan::Plan plan;
  if (auto ok = configure(in, must(choose(in, {})), plan); !ok) ADD_FAILURE();
  return plan;
}

plan::Plan unproved(const Inputs& in) {
  Options options;
  options.prove = false;
  return must(compile(in, options));
}

TEST(Choose, GoldHasQueuesOfItsOwnThatArePolledFirst) {
  const Inputs in = inputs("intel_82599", "policy_gold");
  const auto plan = unproved(in);
  EXPECT_EQ(queues_of(in, plan, 0), std::set<unsigned>{3});
  EXPECT_FALSE(queues_of(in, plan, 1).contains(3));
  for (const auto q : plan.configuration.rss.table) EXPECT_NE(q, 3);
  EXPECT_EQ(plan.cores.at(0).priority, std::vector<unsigned>{3});
  ASSERT_EQ(plan.chosen.zones.size(), 2u);
  EXPECT_EQ(plan.chosen.zones[1].name, "gold");
}

TEST(Choose, OneRuleForAPortBringsWhatRulesForFlowsCanNot) {
  // (The card's rules look at the destination port alone.)
  const Inputs in = inputs("intel_i350", "policy_gold");
  const auto plan = configured(in);
  EXPECT_EQ(plan.configuration.filters.size(), 1u);
  EXPECT_EQ(queues_of(in, plan, 0), std::set<unsigned>{3});
  EXPECT_FALSE(queues_of(in, plan, 1).contains(3));
}

TEST(Choose, EndpointsTakeQueuesInTurnAndPinsHold) {
  for (const char* nic : {"intel_82599", "intel_e810"}) {
    const Inputs in = inputs(nic, "policy_static");
    const auto plan = configured(in);
    EXPECT_EQ(queues_of(in, plan, 0), std::set<unsigned>{0}) << nic;
    EXPECT_EQ(queues_of(in, plan, 1), std::set<unsigned>{1}) << nic;
    EXPECT_EQ(queues_of(in, plan, 2), std::set<unsigned>{3}) << nic;
  }
}

TEST(Choose, ApplicationsThatDoNotTrustEachOtherShareNoQueue) {
  Inputs in = inputs("intel_e810", "policy_static");
  in.workload.policy = ir::Policy::balance;
  in.workload.endpoints[2].queues.reset();
  in.workload.endpoints[1].trust = "bank";
  in.workload.endpoints[2].exclusive = true;
  const auto plan = configured(in);
  const auto a = queues_of(in, plan, 0), b = queues_of(in, plan, 1), c = queues_of(in, plan, 2);
  for (const unsigned q : b) EXPECT_FALSE(a.contains(q) || c.contains(q)) << q;
  for (const unsigned q : c) EXPECT_FALSE(a.contains(q)) << q;
}

TEST(Choose, WishesForCoresHold) {
  Inputs in = inputs("intel_e810", "policy_static");
  in.workload.policy = ir::Policy::balance;
  in.workload.cores = 2;
  in.workload.endpoints[2].queues.reset();
  in.workload.endpoints[1].core = 1;
  const auto plan = unproved(in);
  for (const unsigned q : queues_of(in, plan, 1)) {
    const auto& on = plan.cores.at(1).queues;
    EXPECT_NE(std::find(on.begin(), on.end(), q), on.end()) << q;
  }
}

// Which core has which queue is no matter of rates, where all have one: plans for other rates fit a
// stack that runs.
TEST(Choose, CoresThatAreAlikeAreNumberedByTheirQueues) {
  for (unsigned turn = 0; turn < 5; ++turn) {
    Inputs in = inputs("intel_82599", "quickstart");
    set_flows(in, 5);
    in.workload.queues = 4;
    in.workload.cores = 4;
    for (unsigned i = 0; i < 5; ++i) in.workload.flows[i].rate = 1e5 * (1 + (i + turn) % 5);
    const auto plan = unproved(in);
    for (unsigned c = 0; c < 4; ++c)
      EXPECT_EQ(plan.cores.at(c).queues, std::vector<unsigned>{c}) << "turn " << turn;
  }
}

// A refusal's code.
std::string refusal(const Inputs& in) {
  const auto choice = choose(in, {});
  return choice ? "" : choice.error().list.front().code;
}

TEST(Choose, RefusesWhatCanNotBe) {
  Inputs in = inputs("virtio_rss", "policy_gold");
  EXPECT_EQ(refusal(in), "E0801") << "no rules at all";
  in = inputs("none", "policy_gold");
  EXPECT_EQ(refusal(in), "E0802") << "one queue";
  in = inputs("intel_82599", "policy_static");
  in.workload.endpoints[2].queues = ir::QueueRange{9, 9};
  EXPECT_EQ(refusal(in), "E0803") << "no such queue";
  in = inputs("intel_82599", "policy_static");
  in.workload.endpoints[0].core = 3;
  EXPECT_EQ(refusal(in), "E0803") << "no such core";
}

TEST(Choose, PlacesApplicationsByCostAndAsTheyWish) {
  Inputs in = inputs("intel_82599", "policy_static");
  EXPECT_TRUE(must(choose(in, {})).chosen.placement.empty()) << "nothing is known, nothing is said";
  in.workload.endpoints[0].cost = 50'000;
  in.workload.endpoints[1].placement = ir::Placement::dedicated;
  const auto placed = must(choose(in, {})).chosen.placement;
  ASSERT_EQ(placed.size(), 2u);
  // Rings would be cheaper, but nobody can run that.
  EXPECT_EQ(placed[0].how, ir::Placement::run_to_completion);
  EXPECT_NE(placed[0].why.find("50000"), std::string::npos) << placed[0].why;
  EXPECT_NE(placed[0].why.find("cannot be run yet"), std::string::npos) << placed[0].why;
  EXPECT_EQ(placed[1].endpoint, 1u);
  EXPECT_EQ(placed[1].how, ir::Placement::dedicated);
  // Behind rings an application's work is no load of a queue's.
  const PacketCost cost = packet_cost(in, {});
  ir::Endpoint e;
  e.cost = 50'000;
  EXPECT_EQ(extra_of(e, cost), 50'000);
  e.placement = ir::Placement::dedicated;
  EXPECT_EQ(extra_of(e, cost), 2 * in.costs.of("handover"));
}

TEST(ChoiceState, AgreesWithTheCardAndWithItself) {
  const Inputs in = inputs("intel_82599", "policy_gold");
  const auto plan = configured(in);
  ChoiceState state(in, plan);
  std::vector<double> before;
  for (unsigned q = 0; q < 4; ++q) before.push_back(state.load(q));
  ir::Flow flow{.src = 0x0a070009, .src_port = 1, .dst_port = 9, .endpoint = 0, .rate = 50};
  flow.gold = true;
  const auto place = state.add(flow);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->queue, 3u) << "the queue of its zone";
  EXPECT_FALSE(state.add(flow)) << "it is there already";
  EXPECT_EQ(state.remove({flow.src, 1, in.workload.host.address, 9}), place);
  EXPECT_FALSE(state.remove({flow.src, 1, in.workload.host.address, 9}));
  for (unsigned q = 0; q < 4; ++q) EXPECT_NEAR(state.load(q), before[q], 1e-6) << q;
}

TEST(ChoiceState, RefusesWhatBelongsApartWhenTheTablesAreFull) {
  const Inputs in = inputs("intel_82599", "policy_gold");
  const auto plan = configured(in);
  ChoiceState state(in, plan);
  ir::Flow flow{.src_port = 5, .dst_port = 7, .endpoint = 1, .rate = 1};
  for (unsigned i = 0; i < 128 + 2046 - 40; ++i) {
    flow.src = 0x0a070100 + i;
    const auto place = state.add(flow);
    ASSERT_TRUE(place && place->table >= 0) << i;
  }
  flow.src = 0x0a080000;
  const auto hashed = state.add(flow);
  ASSERT_TRUE(hashed);
  EXPECT_EQ(hashed->table, -1);
  flow = {.src = 0x0a080001, .src_port = 5, .dst_port = 9, .endpoint = 0, .rate = 1};
  flow.gold = true;
  EXPECT_FALSE(state.add(flow));
  EXPECT_FALSE(state.why_not(flow).empty());
}

TEST(ChoiceState, AFewMovesMendWhatHasDrifted) {
  const Inputs in = inputs("intel_82599", "policy_balance");
  const auto plan = configured(in);
  ChoiceState state(in, plan);
  for (const auto& f : plan.flows) {
    if (f.queue == 1) {
      ASSERT_TRUE(state.remove({f.src, f.src_port, f.dst, f.dst_port}));
    }
  }
  const double before = state.imbalance();
  const auto moves = state.moves(5);
  EXPECT_FALSE(moves.empty());
  EXPECT_LE(moves.size(), 5u);
  EXPECT_LT(state.imbalance(), before);
  for (const auto& m : moves) EXPECT_NE(m.from.queue, m.to.queue);
}

TEST(Choose, TakesNoMoreQueuesThanTheCardHas) {
  Inputs in = inputs("none", "quickstart");
  EXPECT_EQ(must(choose(in, {})).rx_queues, 1u);
  in = inputs("tap", "quickstart");
  EXPECT_EQ(must(choose(in, {})).rx_queues, 1u) << "one core: most packets would be handed over";
  in.workload.cores = 2;
  EXPECT_EQ(must(choose(in, {})).rx_queues, 2u) << "a queue for each core, and handover";
}

TEST(Choose, DoesNotAskADriverToDoInSoftwareWhatSavesNothing) {
  const auto choice = must(choose(inputs("tap", "quickstart"), {}));
  for (const auto& [knob, on] : choice.knobs) EXPECT_FALSE(on) << knob;
}

TEST(Configure, EveryFlowIsOwnedByTheQueueItArrivesOn) {
  for (const auto& nic : nics) {
    Inputs in = inputs(nic, "quickstart");
    set_flows(in, 300);
    Options options;
    options.prove = false;
    const auto plan = must(compile(in, options));
    EXPECT_EQ(plan.flows.size(), 300u);
    for (const auto& f : plan.flows) {
      const auto where =
          deliver(in.nic, in.fields, plan.configuration, {f.src, f.src_port, f.dst, f.dst_port});
      ASSERT_TRUE(where);
      EXPECT_EQ(where->queue, f.queue) << nic;
    }
  }
}

// Microsoft's verification suite for RSS, IPv4 with ports.
TEST(Toeplitz, HashesAsPublished) {
  const std::vector<std::uint8_t> key = {
      0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
      0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
      0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
  const std::vector<std::uint8_t> input = {66,  9,  149,  187,  161,  142,
                                           100, 80, 0x0a, 0xea, 0x06, 0xe6};
  EXPECT_EQ(toeplitz(input, key), 0x51ccc178u);
}

TEST(Pipeline, SameInputsSameBytes) {
  const Inputs in = inputs("intel_82599", "quickstart");
  EXPECT_EQ(plan::to_yaml(must(compile(in, {}))), plan::to_yaml(must(compile(in, {}))));
}

}  // namespace
}  // namespace weft::passes::testing
