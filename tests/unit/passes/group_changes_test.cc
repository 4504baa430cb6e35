// Groups of queues change while a stack runs: by another workload, each step proved, little else
// moves; where a card's rules have an order, behind a rule that stands in meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "compiler/passes/stand_in.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/delta.h"
#include "compiler/plan/places.h"
#include "compiler/plan/target.h"
#include "compiler/planner/planner.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

using plan::Operation;
using Kind = Operation::Kind;

// (With TCP every plan on the way takes a second to prove.)
bool only_at_night() { return std::getenv("WEFT_NIGHTLY") == nullptr; }

// An endpoint of either kind on these queues, beside another that has known flows.
Inputs several(const std::string& nic, bool tcp, ir::QueueRange on) {
  Inputs in = tcp ? inputs(nic, "tcp_echo", "host_ipv4") : inputs(nic, "quickstart");
  in.workload.queues = 8;
  in.workload.cores = 2;
  ir::Endpoint& e = in.workload.endpoints.emplace_back(in.workload.endpoints[0]);
  e.name = "several", e.port = 99, e.rate = 1000;
  e.queues = on;
  return in;
}

plan::Plan compiled(const Inputs& in, const plan::Plan* beside = nullptr) {
  Options options;
  options.prove = options.certify = false;
  options.beside = beside;
  if (beside != nullptr) options.queues = 8, options.cores = 2;
  return must(compile(in, options));
}

const plan::Filter* wide_rule(const plan::Plan& plan) {
  for (const plan::Filter& f : plan.configuration.filters)
    if (!key_of(f)) return &f;
  return nullptr;
}

// A stack that runs, as the planner beside it sees it.
class Running {
 public:
  explicit Running(const Inputs& in)
      : plan(compiled(in)), planner(must(planner::Planner::begin(plan, in))) {}

  // As `weft apply` of a workload does it; what had to be done.
  planner::Operations become(Inputs to) {
    before = plan;
    to.workload = plan::with_places_of(to.workload, plan.endpoints);
    plan = compiled(to, &before);
    planner::Operations list = must(planner->change_to(plan, to.workload));
    EXPECT_TRUE(planner->checked().settled());
    EXPECT_EQ(planner->proof().status, "proved");
    EXPECT_TRUE(plan::same_but_for_names(planner->plan(), plan));
    return list;
  }
  std::string wide() const {
    const plan::Filter* rule = wide_rule(plan);
    return rule == nullptr ? "" : plan::target_text(*rule);
  }

  plan::Plan before, plan;
  std::unique_ptr<planner::Planner> planner;
};

std::string text(const planner::Operations& list) {
  std::string out;
  for (const Operation& o : list) out += plan::text(o) + "\n";
  return out;
}

// What else moves: a few flows at most, as the load of queues goes.
unsigned others_moved(const planner::Operations& list) {
  EXPECT_TRUE(std::none_of(list.begin(), list.end(),
                           [](const Operation& o) { return o.kind == Kind::set_table; }));
  return static_cast<unsigned>(std::count_if(
      list.begin(), list.end(), [](const Operation& o) { return o.kind == Kind::move_flow; }));
}

// At each step some rule catches what comes to the endpoint, to the old queues or to the new.
void expect_no_gap(const Running& r, const planner::Operations& list, const Inputs& in) {
  plan::Plan plan = r.before;
  const Steering old(in.nic, in.fields, r.before.configuration);
  const Steering behind(in.nic, in.fields, r.plan.configuration);
  unsigned rules = 0;
  for (const Operation& o : list) {
    ASSERT_TRUE(plan::apply(o, plan));
    const bool rule = o.kind == Kind::create_rule || o.kind == Kind::destroy_rule;
    if (!rule || plan::flow_of(o.filter)) continue;
    ++rules;
    const Steering card(in.nic, in.fields, plan.configuration);
    for (std::uint16_t port = 30000; port < 30064; ++port) {
      const FlowKey key{0x0a070009, port, in.workload.host.address, 99};
      const auto is = card.deliver(key);
      EXPECT_EQ(is->table, "flows");
      EXPECT_TRUE(is->queue == old.deliver(key)->queue || is->queue == behind.deliver(key)->queue);
    }
  }
  EXPECT_EQ(rules, 4u) << "the one that stands in, and back";
}

TEST(GroupChanges, DatagramsNeverComeByAnythingElse) {
  const auto on = [](unsigned first, unsigned last) {
    return several("mellanox_connectx5", false, {first, last});
  };
  Running r(on(4, 5));
  const std::tuple<unsigned, unsigned, const char*> steps[] = {{4, 7, "queues 4-7 by hash"},
                                                               {4, 4, "queue 4"}};
  for (const auto& [first, last, then] : steps) {
    const auto list = r.become(on(first, last));
    SCOPED_TRACE(text(list));
    EXPECT_EQ(r.wide(), then);
    EXPECT_LE(others_moved(list), 8u);
    expect_no_gap(r, list, on(first, last));
  }
  must(r.planner->remove_endpoint("several"));
  EXPECT_EQ(wide_rule(r.planner->plan()), nullptr);
  EXPECT_TRUE(r.planner->checked().settled());
}

TEST(GroupChanges, AnEndpointComesWithItsGroup) {
  if (only_at_night()) GTEST_SKIP() << "at night";
  const Inputs with = several("mellanox_connectx5", false, {4, 5});
  Inputs without = with;
  without.workload.endpoints.pop_back();
  Running r(without);
  EXPECT_EQ(r.wide(), "");
  r.become(with);
  EXPECT_EQ(r.wide(), "queues 4-5 by hash");
}

TEST(GroupChanges, ConnectionsAreKeptInBetween) {
  const auto on = [](unsigned first, unsigned last) {
    return several("ideal", true, {first, last});
  };
  Running r(on(4, 5));
  const auto list = r.become(on(4, 7));
  EXPECT_EQ(r.wide(), "queues 4-7 by hash");
  ASSERT_EQ(list.size(), 2u) << text(list);
  EXPECT_EQ(list[0].kind, Kind::destroy_rule);
  if (only_at_night()) return;
  r.become(on(5, 5));
  EXPECT_EQ(r.wide(), "queue 5");
}

TEST(GroupChanges, GoldHasMoreQueuesOrFewer) {
  if (only_at_night()) GTEST_SKIP() << "at night";
  Inputs in = inputs("mellanox_connectx5", "policy_gold_tcp", "host_ipv4");
  in.workload.queues = 8;
  in.workload.cores = 2;
  Running r(in);
  EXPECT_EQ(r.wide(), "queue 7");
  for (const unsigned queues : {2u, 4u}) {
    in.workload.gold_queues = queues;
    r.become(in);
    EXPECT_EQ(plan::queues_of(*wide_rule(r.planner->plan())), r.plan.chosen.zones.at(1).queues);
    EXPECT_EQ(r.plan.chosen.zones.at(1).queues.size(), queues);
  }
}

// Cards whose rules have no order: the rule goes before the other comes, and what is between is
// proved.
TEST(GroupChanges, WithoutAnOrderTheHashBringsThemMeanwhile) {
  Running r(several("intel_e810", false, {4, 5}));
  const auto list = r.become(several("intel_e810", false, {4, 7}));
  EXPECT_EQ(r.wide(), "any of queues 4-7");
  EXPECT_LE(others_moved(list), 8u) << text(list);
  const auto wide = [](Kind kind) {
    return [kind](const Operation& o) { return o.kind == kind && !plan::flow_of(o.filter); };
  };
  const auto gone = std::find_if(list.begin(), list.end(), wide(Kind::destroy_rule));
  const auto comes = std::find_if(list.begin(), list.end(), wide(Kind::create_rule));
  EXPECT_LT(gone, comes);
}

// A known flow of the endpoint has its rule in front of the group's: it comes, moves within the
// endpoint's queues, and goes; another queue is refused, in words.
TEST(GroupChanges, AFlowStandsInFrontOfTheGroup) {
  const Inputs in = several("mellanox_connectx5", false, {4, 5});
  auto planner = must(planner::Planner::begin(compiled(in), in));
  const unsigned place = static_cast<unsigned>(in.workload.endpoints.size() - 1);
  const FlowKey key{0x0a070009, 5000, in.workload.host.address, 99};
  const auto queue = [&] {
    return deliver(in.nic, in.fields, planner->plan().configuration, key)->queue;
  };
  const unsigned before = queue();
  const auto refused = planner->add_flow(key, place, 1, {.gold = {}, .queue = 77});
  EXPECT_FALSE(refused);
  must(planner->add_flow(key, place, 10, {.gold = {}, .queue = 9 - before}));
  EXPECT_EQ(queue(), 9 - before) << "4 or 5, and not where the group had it";
  must(planner->remove_flow(key));
  EXPECT_EQ(queue(), before);
  must(planner->add_flow(key, place, 10));
  must(planner->move_flow(key, 9 - queue()));
  must(planner->remove_flow(key));
  EXPECT_EQ(queue(), before);
  EXPECT_TRUE(planner->checked().settled());
}

// The rule that stands in is no rule of a plan: it may be there for a moment.
TEST(GroupChanges, NoPlanKeepsARuleThatStandsIn) {
  const Inputs in = several("mellanox_connectx5", false, {4, 5});
  plan::Plan plan = compiled(in);
  const plan::Filter wide = *wide_rule(plan);
  const auto other = stand_in(in, plan.configuration, wide);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->priority, wide.priority - 1);
  auto proof = must(DeltaProof::begin(plan, in));
  EXPECT_TRUE(proof->step({.kind = Kind::create_rule, .filter = *other}));
  EXPECT_FALSE(proof->settled());
  plan.configuration.filters.push_back(*other);
  EXPECT_FALSE(must(verify_plan(plan, in)).proved) << "behind it the other is never hit";
  EXPECT_TRUE(proof->step({.kind = Kind::destroy_rule, .filter = *other}));
  EXPECT_TRUE(proof->settled());
  // None where a narrower one would be behind it, and none where the table is full.
  plan.configuration.filters.back().match["ipv4.src"] = {0x0a090000, 0xffff0000};
  EXPECT_FALSE(stand_in(in, plan.configuration, wide));
  plan.configuration.filters.pop_back();
  Inputs full = in;
  full.nic.receive.node(*full.nic.receive.find("flows")).config.table->capacity =
      static_cast<unsigned>(plan.configuration.filters.size());
  EXPECT_FALSE(stand_in(full, plan.configuration, wide));
  EXPECT_FALSE(stand_in(several("intel_e810", false, {4, 5}), plan.configuration, wide));
}

}  // namespace
}  // namespace weft::passes::testing
