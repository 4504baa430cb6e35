// Plans in which every packet ends as it should, and not where the workload wants it: each is
// refused, at the line of the wish, with a packet where there is one.
#include "compiler/passes/check_wishes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "compiler/passes/tables.h"
#include "compiler/plan/places.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes {
namespace {

using namespace testing;

enum Line : unsigned { a_line = 7, b_line = 8, flows_of_a = 10, flows_of_b = 11 };

// Endpoint a has queue 1 for itself; flows to b shall arrive on queue 3.
Inputs asking_inputs(const std::string& nic) {
  Inputs in = inputs(nic, "quickstart");
  ir::Workload& w = in.workload;
  w.queues = 4;
  w.cores = 2;
  w.flows.clear();
  w.endpoints.resize(1);
  w.endpoints.push_back(w.endpoints.front());
  ir::Endpoint &a = w.endpoints[0], &b = w.endpoints[1];
  a.name = "a";
  a.port = 7;
  a.rate = b.rate = 0;
  a.queues = ir::QueueRange{1, 1};
  a.exclusive = true;
  a.span = {"pinq.yaml", a_line, 3, 1};
  b.name = "b";
  b.port = 8;
  b.span = {"pinq.yaml", b_line, 3, 1};
  for (std::uint16_t i = 0; i < 4; ++i) {
    w.flows.push_back({.src = 0x0a070009,
                       .src_port = static_cast<std::uint16_t>(4000 + i),
                       .dst_port = 7,
                       .endpoint = 0,
                       .rate = 10,
                       .span = {"pinq.yaml", flows_of_a, 5, 1}});
    w.flows.push_back({.src = 0x0a070009,
                       .src_port = static_cast<std::uint16_t>(5000 + i),
                       .dst_port = 8,
                       .endpoint = 1,
                       .rate = 10,
                       .span = {"pinq.yaml", flows_of_b, 5, 1},
                       .queue = 3});
  }
  return in;
}

plan::Plan made(const Inputs& in) {
  Options quick;
  quick.certify = quick.prove = false;
  return must(compile(in, quick));
}

std::string value(const Counterexample& c, const std::string& field) {
  for (const auto& [name, text] : c.fields)
    if (name == field) return text;
  return "";
}

unsigned line_of(const Counterexample& c, const plan::Plan& plan, const Inputs& in) {
  EXPECT_TRUE(c.expected.starts_with(where_wanted)) << c.expected << ": " << c.why;
  const auto number = [&](const char* field) {
    return static_cast<std::uint32_t>(std::stoul(value(c, field), nullptr, 0));
  };
  FlowKey key{.dst = in.workload.host.address};
  unsigned src[4] = {};
  EXPECT_EQ(
      std::sscanf(value(c, "ipv4.src").c_str(), "%u.%u.%u.%u", &src[0], &src[1], &src[2], &src[3]),
      4);
  key.src = src[0] << 24 | src[1] << 16 | src[2] << 8 | src[3];
  key.src_port = static_cast<std::uint16_t>(number("udp.src_port"));
  key.dst_port = static_cast<std::uint16_t>(number("udp.dst_port"));
  const auto breach = wish_broken(plan, in, key, c.queue.value_or(0));
  EXPECT_TRUE(breach) << c.why;
  return breach ? breach->wish.line : 0;
}

class Wish : public ::testing::TestWithParam<const char*> {
 protected:
  // The first of b's flows: its rule, and its entry.
  plan::Filter& rule() {
    auto& all = plan.configuration.filters;
    return *std::find_if(all.begin(), all.end(),
                         [](const auto& f) { return f.match.at("udp.src_port").first == 5000; });
  }
  plan::FlowEntry& entry() {
    return *std::find_if(plan.flows.begin(), plan.flows.end(),
                         [](const auto& f) { return f.src_port == 5000; });
  }
  Counterexample refused() {
    const Verdict verdict = must(verify_plan(plan, in));
    EXPECT_FALSE(verdict.proved);
    EXPECT_EQ(verdict.proof.status, "none");
    return verdict.counterexample.value_or(Counterexample{});
  }
  // The line of the wish that it shows to be broken.
  unsigned line(const Counterexample& c) { return line_of(c, plan, in); }
  Inputs in = asking_inputs(GetParam());
  plan::Plan plan = made(in);
};

TEST_P(Wish, IsKeptByThePlanAsItIs) {
  const Verdict verdict = must(verify_plan(plan, in));
  EXPECT_TRUE(verdict.proved) << (verdict.counterexample ? verdict.counterexample->why : "");
}

// (A handover brings it home: the meaning is the same, loads and pins are not.)
TEST_P(Wish, RuleOfAKnownFlowBringsItElsewhere) {
  rule().queue = 2;
  rule().mark = entry().endpoint + 1;
  const Counterexample c = refused();
  EXPECT_EQ(c.queue, 2u);
  EXPECT_EQ(c.expected, where_planned + std::string(": queue 3")) << c.why;
  EXPECT_FALSE(c.frame.empty());
  EXPECT_EQ(value(c, "udp.src_port"), "5000");
  EXPECT_EQ(value(c, "udp.dst_port"), "8");
}

TEST_P(Wish, RuleOfAKnownFlowIsGone) {
  const std::string id = rule().id;
  std::erase_if(plan.configuration.filters, [&](const auto& f) { return f.id == id; });
  const Counterexample c = refused();
  EXPECT_EQ(c.expected, where_planned + std::string(": queue 3")) << c.why;
  EXPECT_FALSE(c.frame.empty());
}

TEST_P(Wish, PinIsBroken) {
  rule().queue = entry().queue = 2;
  const Counterexample c = refused();
  EXPECT_EQ(line(c), flows_of_b);
  EXPECT_EQ(c.queue, 2u);
  EXPECT_NE(c.why.find("queue 3 is asked for"), std::string::npos) << c.why;
  EXPECT_EQ(value(c, "udp.src_port"), "5000");
}

TEST_P(Wish, QueueIsNotItsAlone) {
  rule().queue = entry().queue = 1;
  const Counterexample c = refused();
  EXPECT_EQ(line(c), a_line) << c.why;
  EXPECT_FALSE(c.frame.empty());
}

TEST_P(Wish, CoreIsAnother) {
  in.workload.endpoints[0].core = plan.endpoints[0].core = 7;
  const Counterexample c = refused();
  EXPECT_EQ(line(c), a_line) << c.why;
  EXPECT_NE(c.why.find("core 7"), std::string::npos) << c.why;
}

TEST_P(Wish, PlanSaysSomethingElseOfAnEndpoint) {
  plan.endpoints[0].exclusive = false;
  const auto verdict = verify_plan(plan, in);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().list.front().code, "E0523");
}

INSTANTIATE_TEST_SUITE_P(Cards, Wish, ::testing::Values("intel_82599", "intel_e810"),
                         [](const auto& info) { return std::string(info.param); });

// What is polled first, and who is.
TEST(Wishes, PriorityIsLost) {
  Inputs in = inputs("intel_82599", "policy_gold");
  plan::Plan plan = made(in);
  EXPECT_TRUE(must(verify_plan(plan, in)).proved);
  const auto core = std::find_if(plan.cores.begin(), plan.cores.end(),
                                 [](const auto& c) { return !c.priority.empty(); });
  ASSERT_NE(core, plan.cores.end());
  core->priority.clear();
  const Verdict verdict = must(verify_plan(plan, in));
  ASSERT_FALSE(verdict.proved);
  const Counterexample& c = *verdict.counterexample;
  EXPECT_EQ(line_of(c, plan, in), in.workload.endpoints[0].span.line) << c.why;
  EXPECT_NE(c.why.find("poll it first"), std::string::npos) << c.why;
}

// Of a trust group's packets, none arrives where others may see it, whoever sends it.
TEST(Wishes, StrangersToATrustGroupGoByTheHash) {
  const Inputs in = inputs("intel_82599", "trust");
  plan::Plan plan = made(in);
  EXPECT_TRUE(must(verify_plan(plan, in)).proved);
  auto& rules = plan.configuration.filters;
  const auto of_guest = [&](const plan::Filter& f) {
    return !key_of(f) && plan::endpoint_of(f, plan) == 2u;
  };
  ASSERT_TRUE(std::any_of(rules.begin(), rules.end(), of_guest));
  std::erase_if(rules, of_guest);
  const Verdict verdict = must(verify_plan(plan, in));
  ASSERT_FALSE(verdict.proved);
  const Counterexample& c = *verdict.counterexample;
  EXPECT_EQ(line_of(c, plan, in), in.workload.endpoints[2].span.line) << c.why;
  ASSERT_TRUE(c.queue);
  EXPECT_FALSE(c.frame.empty());
  EXPECT_NE(
      std::find(plan.configuration.rss.table.begin(), plan.configuration.rss.table.end(), *c.queue),
      plan.configuration.rss.table.end());
}

}  // namespace
}  // namespace weft::passes
