// Rules of one table that match the same packets, where the card's rules have an order: the
// narrower stands in front; who says otherwise is refused with a packet that shows it.
#include "compiler/ir/rule_order.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "compiler/passes/choose.h"
#include "compiler/passes/choose_beside.h"
#include "compiler/passes/choose_delta.h"
#include "compiler/passes/configure.h"
#include "compiler/passes/rule_overlap.h"
#include "compiler/passes/steer.h"
#include "compiler/passes/tables.h"
#include "compiler/plan/delta.h"
#include "compiler/plan/owners.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/planner/planner.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

ir::Node& node_of(ir::Graph& graph, const char* id) { return graph.node(*graph.find(id)); }

constexpr std::uint32_t network = 0x0a090000;  // 10.9.0.0

ir::FlowSet from(std::uint32_t src, unsigned length, unsigned endpoint, const Inputs& in) {
  ir::FlowSet out;
  out.src = src;
  out.src_mask = ~std::uint32_t{0} << (32 - length);
  out.dst_port = in.workload.endpoints[endpoint].port;
  out.endpoint = endpoint;
  return out;
}

ir::Flow flow_from(std::uint32_t src, unsigned endpoint, const Inputs& in) {
  return {.src = src,
          .src_port = 4000,
          .dst_port = in.workload.endpoints[endpoint].port,
          .endpoint = endpoint};
}

// An endpoint has a queue of its own, one of its networks another one, and a host there a third.
Inputs nested(const std::string& nic) {
  Inputs in = inputs(nic, "policy_gold");
  in.workload.policy = ir::Policy::balance;
  in.workload.queues = 4;
  for (ir::Endpoint& e : in.workload.endpoints) e.gold = false;
  in.workload.flows.clear();
  in.workload.endpoints[1].queues = ir::QueueRange{1, 3};
  in.workload.endpoints[1].rate = 100;
  in.workload.sets = {from(network, 16, 1, in)};
  in.workload.sets[0].queue = 2;
  in.workload.flows = {flow_from(network + 9, 1, in)};
  in.workload.flows[0].queue = 3;
  return in;
}

// Only the network has a queue, and the host.
Inputs one_exception(const std::string& nic) {
  Inputs in = nested(nic);
  in.workload.endpoints[1].queues = std::nullopt;
  return in;
}

plan::Plan compiled(const Inputs& in, bool prove = true) {
  Options options;
  options.prove = prove;
  return must(compile(in, options));
}

// Every night on each of them, every day on one.
std::vector<const char*> cards() {
  if (std::getenv("WEFT_NIGHTLY") != nullptr) return {"mellanox_connectx5", "ideal"};
  return {"mellanox_connectx5"};
}

// Proved, once for all tests.
const plan::Plan& nested_plan(const std::string& nic) {
  static std::map<std::string, plan::Plan> known;
  const auto at = known.find(nic);
  return at != known.end() ? at->second : known.emplace(nic, compiled(nested(nic))).first->second;
}

std::string refusal(const Inputs& in) {
  const auto choice = choose(in, {});
  return choice ? "" : diag::render(choice.error(), false);
}

unsigned queue_of(const Inputs& in, const plan::Plan& plan, std::uint32_t src,
                  unsigned endpoint = 1) {
  const FlowKey key{src, 4000, in.workload.host.address, in.workload.endpoints[endpoint].port,
                    in.workload.endpoints[endpoint].tcp};
  return deliver(in.nic, in.fields, plan.configuration, key)->queue;
}

plan::Filter& rule_for(plan::Plan& plan, const std::function<bool(const plan::Filter&)>& is) {
  auto& all = plan.configuration.filters;
  return *std::find_if(all.begin(), all.end(), is);
}
bool of_flow(const plan::Filter& f) { return key_of(f).has_value(); }
bool of_set(const plan::Filter& f) { return !key_of(f) && f.match.contains("ipv4.src"); }

TEST(RuleOrder, LevelsAndPrioritiesAreOneToOneOnEveryCard) {
  unsigned ordered = 0;
  for (const auto& file : std::filesystem::directory_iterator(root + "/nicmodels")) {
    if (file.path().extension() != ".yaml") continue;
    const ir::NicModel nic = must(frontend::read_nic(file.path().string(), fields()));
    for (const ir::Node* node : receive_order(nic)) {
      if (!node->config.table) continue;
      const ir::FilterTable& t = *node->config.table;
      ordered += ir::levels(t) > 1 ? 1 : 0;
      for (unsigned level = 0; level < ir::levels(t); ++level) {
        const unsigned priority = ir::priority_of(t, level);
        EXPECT_EQ(ir::level_of(t, priority), level) << nic.name << " " << node->id;
        if (t.priority)
          EXPECT_TRUE(priority >= t.priority->first && priority <= t.priority->second);
      }
      using ir::Breadth;
      const unsigned endpoint = ir::level_for(t, Breadth::endpoint, false);
      const unsigned set = ir::level_for(t, Breadth::set, true);
      const unsigned flow = ir::level_for(t, Breadth::flow, false);
      if (ir::levels(t) > 2) EXPECT_TRUE(endpoint < set && set < flow) << nic.name;
      if (ir::levels(t) > 2) EXPECT_EQ(set, ir::level_for(t, Breadth::set, false));
    }
  }
  EXPECT_EQ(ordered, 3u) << "82599, ConnectX-5, ideal";
}

TEST(RuleOrder, ThreeRulesInsideEachOtherStandInOneTable) {
  for (const char* nic : cards()) {
    const Inputs in = nested(nic);
    plan::Plan plan = nested_plan(nic);
    EXPECT_EQ(plan.proof.status, "proved") << nic;
    ASSERT_EQ(plan.configuration.filters.size(), 3u) << nic;
    std::set<unsigned> priorities;
    for (const plan::Filter& f : plan.configuration.filters) {
      EXPECT_EQ(f.table, "flows");
      priorities.insert(f.priority);
    }
    EXPECT_EQ(priorities.size(), 3u) << nic;
    EXPECT_EQ(rule_for(plan, of_flow).priority, 0u) << "rte_flow: 0 is in front";
    EXPECT_EQ(queue_of(in, plan, network + 9), 3u) << nic;
    EXPECT_EQ(queue_of(in, plan, network + 10), 2u) << nic;
    EXPECT_NE(queue_of(in, plan, network + 0x10000), 0u) << nic;
    // What is written is read.
    const std::string text = plan::to_yaml(plan);
    EXPECT_EQ(plan::to_yaml(must(plan::plan_from_text(text, "plan", in.fields))), text);
  }
}

TEST(RuleOrder, TheHighestNumberIsInFrontOnAn82599) {
  Inputs in = nested("intel_82599");
  in.workload.sets.clear();
  node_of(in.nic.receive, "fdir").config.table->capacity = 0;
  plan::Plan plan;
  ASSERT_TRUE(configure(in, must(choose(in, {})), plan));
  EXPECT_TRUE(misordered_rules(plan.configuration, in.nic, in.fields).empty());
  EXPECT_EQ(rule_for(plan, of_flow).priority, 7u);
  EXPECT_EQ(rule_for(plan, [](const auto& f) { return !of_flow(f); }).priority, 1u);
  EXPECT_EQ(queue_of(in, plan, network + 9), 3u);
}

TEST(RuleOrder, TooFewLevelsAreNamed) {
  Inputs in = nested("ideal");
  ir::FilterTable& table = *node_of(in.nic.receive, "flows").config.table;
  table.priority = {4, 5};
  const std::string two = refusal(in);
  EXPECT_NE(two.find("of rules of table flows that match the same packets, 2 can stand in front"),
            std::string::npos)
      << two;
  table.order = ir::RuleOrder::none;
  const std::string none = refusal(in);
  EXPECT_NE(none.find("have no order"), std::string::npos) << none;
  // Two levels are enough for two.
  table.order = ir::RuleOrder::highest;
  in.workload.sets.clear();
  plan::Plan plan;
  ASSERT_TRUE(configure(in, must(choose(in, {})), plan));
  EXPECT_TRUE(misordered_rules(plan.configuration, in.nic, in.fields).empty());
  EXPECT_EQ(queue_of(in, plan, network + 9), 3u);
}

// The packet of a refusal is one that both rules match.
void expect_refused(const plan::Plan& plan, const Inputs& in, const std::string& why) {
  const Verdict verdict = must(verify_plan(plan, in));
  EXPECT_FALSE(verdict.proved);
  ASSERT_TRUE(verdict.counterexample);
  EXPECT_NE(verdict.counterexample->why.find(why), std::string::npos)
      << verdict.counterexample->why;
  EXPECT_FALSE(verdict.counterexample->frame.empty());
}

TEST(RuleOrder, APlanInTheWrongOrderIsRefused) {
  for (const char* nic : cards()) {
    const Inputs in = nested(nic);
    plan::Plan plan = nested_plan(nic);
    plan::Filter &flow = rule_for(plan, of_flow), &set = rule_for(plan, of_set);
    std::swap(flow.priority, set.priority);
    expect_refused(plan, in, "is never hit");
    std::swap(flow.priority, set.priority);
    flow.priority = set.priority;
    expect_refused(plan, in, "match the same packets, and neither is in front");
    flow.priority = 9;
    EXPECT_FALSE(verify_plan(plan, in)) << "no such priority";
  }
}

TEST(RuleOrder, RulesOfATableWithoutAnOrderMayNotMeet) {
  const Inputs in = inputs("intel_e810", "quickstart");
  plan::Plan plan;
  ASSERT_TRUE(configure(in, must(choose(in, {})), plan));
  ASSERT_FALSE(plan.configuration.filters.empty());
  plan::Filter again = plan.configuration.filters.front();
  again.id = "again";
  again.queue = again.queue == 0 ? 1 : 0;
  plan.configuration.filters.push_back(again);
  const auto wrong = misordered_rules(plan.configuration, in.nic, in.fields);
  ASSERT_EQ(wrong.size(), 1u);
  EXPECT_EQ(wrong[0].second->id, "again");
}

// Connections are where the narrowest rule says; the card asks by its order.
TEST(RuleOrder, ConnectionsOfAGoldEndpointMayBelongElsewhere) {
  for (const char* nic : cards()) {
    Inputs in = inputs(nic, "policy_gold_tcp", "host_ipv4");
    in.workload.sets = {from(network, 32, 0, in)};
    const bool nightly = cards().size() > 1;
    plan::Plan plan = compiled(in, nightly);
    EXPECT_EQ(plan.proof.status == "proved", nightly) << nic;
    const unsigned gold = plan.chosen.zones.at(1).queues.at(0);
    EXPECT_NE(queue_of(in, plan, network, 0), gold) << nic;
    EXPECT_EQ(queue_of(in, plan, network + 1, 0), gold) << nic;
    const Owners owners = plan::owners_of(plan);
    const std::uint32_t host = in.workload.host.address;
    const std::uint16_t port = in.workload.endpoints[0].port;
    EXPECT_EQ(owners.of_connection({network, host, 4000, port}),
              static_cast<int>(queue_of(in, plan, network, 0)));
    plan::Filter& set = rule_for(plan, of_set);
    plan::Filter& all = rule_for(plan, [](const auto& f) { return !of_set(f); });
    std::swap(set.priority, all.priority);
    expect_refused(plan, in, "is never hit");
    set.priority = all.priority;
    expect_refused(plan, in, "neither is in front");
  }
}

// Against every rule of the table, by its level.
TEST(RuleOrder, TheForemostRuleThatMatchesCounts) {
  for (const char* nic : {"ideal", "intel_82599"}) {
    const Inputs in = inputs(nic, "quickstart");
    const std::string name = std::string(nic) == "ideal" ? "flows" : "ntuple5";
    const auto v = in.nic.receive.find(name);
    const ir::FilterTable& table = *in.nic.receive.node(*v).config.table;
    std::uint64_t state = 7;
    const auto below = [&](unsigned n) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return static_cast<unsigned>((state >> 33) % n);
    };
    for (unsigned round = 0; round < 200; ++round) {
      plan::Configuration card;
      card.rx_queues = 8;
      for (unsigned i = 0; i < 6; ++i) {
        plan::Filter f{.id = std::to_string(i), .table = name, .match = {}};
        if (name == "ntuple5") f.match["ipv4.protocol"] = {17, 0xff};
        if (below(2)) f.match["ipv4.src"] = {network + below(2), 0xffffffff};
        if (below(2)) f.match["udp.src_port"] = {1 + below(2), 0xffff};
        if (below(2)) f.match["ipv4.dst"] = {in.workload.host.address, 0xffffffff};
        f.match["udp.dst_port"] = {7, 0xffff};
        f.priority = ir::priority_of(table, below(7));
        f.queue = i;
        card.filters.push_back(f);
      }
      const FlowKey key{network + below(2), static_cast<std::uint16_t>(1 + below(2)),
                        in.workload.host.address, 7};
      const plan::Filter* best = nullptr;
      for (const plan::Filter& f : card.filters) {
        const bool lowest = table.order == ir::RuleOrder::lowest;
        if (matches(table, in.fields, f, key) &&
            (best == nullptr ||
             (lowest ? f.priority < best->priority : f.priority > best->priority)))
          best = &f;
      }
      const auto where = deliver(in.nic, in.fields, card, key);
      ASSERT_TRUE(where);
      EXPECT_EQ(where->table.empty(), best == nullptr);
      if (best != nullptr) EXPECT_EQ(where->queue, best->queue) << nic << round;
      bool meet = false;
      for (const auto& a : card.filters)
        for (const auto& b : card.filters)
          meet = meet || (&a < &b && misordered(table, fields(), a, b));
      EXPECT_EQ(!misordered_rules(card, in.nic, in.fields).empty(), meet) << nic << round;
    }
  }
}

// One flow more of a network that has a rule, on another queue: a rule in front, and back.
TEST(RuleOrder, AFlowComesInFrontOfARunningRuleAndGoes) {
  const Inputs in = one_exception("mellanox_connectx5");
  const plan::Plan plan = compiled(in, false);
  auto planner = must(planner::Planner::begin(plan, in));
  const FlowKey key{network + 77, 9, in.workload.host.address, in.workload.endpoints[1].port};
  const unsigned wide = queue_of(in, plan, key.src);
  EXPECT_EQ(wide, 2u);
  const auto added = planner->add_flow(key, 1, 10, {.gold = {}, .queue = 1});
  ASSERT_TRUE(added) << diag::render(added.error(), false);
  ASSERT_EQ(added->size(), 2u);
  const plan::Filter& rule = added->back().filter;
  EXPECT_EQ(rule.priority, 0u);
  EXPECT_EQ(deliver(in.nic, in.fields, planner->plan().configuration, key)->queue, 1u);
  const auto gone = planner->remove_flow(key, "");
  ASSERT_TRUE(gone) << diag::render(gone.error(), false);
  EXPECT_TRUE(plan::same_but_for_names(planner->plan(), plan));
}

TEST(RuleOrder, NoLevelInFrontIsSaidWhereAFlowComes) {
  Inputs in = one_exception("ideal");
  ir::FilterTable& table = *node_of(in.nic.receive, "flows").config.table;
  table.priority = {3, 3};
  table.order = ir::RuleOrder::none;
  in.workload.flows.clear();
  plan::Plan plan;
  const Choice choice = must(choose(in, {}));
  ASSERT_TRUE(configure(in, choice, plan));
  ChoiceState state(in, plan);
  ir::Flow flow = flow_from(network + 77, 1, in);
  flow.queue = 1;
  EXPECT_FALSE(state.place(flow));
  EXPECT_NE(state.why_not(flow).find("none can stand in front"), std::string::npos)
      << state.why_not(flow);
}

// Beside what runs, and back: the wide rule comes in its place behind the flow's.
TEST(RuleOrder, ANetworkComesAndGoesBehindAFlowThatHasARule) {
  if (cards().size() == 1) return;  // (takes four plans)
  Inputs in = one_exception("ideal");
  const plan::Plan running = compiled(in, false);
  Options beside;
  beside.prove = false;
  beside.beside = &running;
  EXPECT_TRUE(plan::same_but_for_names(running, must(compile(in, beside))));
  const auto set = in.workload.sets.front();
  in.workload.sets.clear();
  const plan::Plan without = must(compile(in, beside));
  auto planner = must(planner::Planner::begin(without, in));
  in.workload.sets = {set};
  beside.beside = &without;
  const plan::Plan again = must(compile(in, beside));
  const auto list = planner->change_to(again, in.workload);
  ASSERT_TRUE(list) << diag::render(list.error(), false);
  EXPECT_EQ(queue_of(in, planner->plan(), network + 9), 3u);
  EXPECT_EQ(queue_of(in, planner->plan(), network + 10), 2u);
}

}  // namespace
}  // namespace weft::passes::testing
