// A proof that is carried on says of every plan in between what a proof of the whole plan says.
#include "compiler/passes/delta_proof.h"

#include <gtest/gtest.h>

#include <random>

#include "compiler/passes/prove.h"
#include "compiler/plan/delta.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

using plan::Operation;
using Kind = Operation::Kind;

FlowKey key_of(const plan::FlowEntry& f) { return {f.src, f.src_port, f.dst, f.dst_port}; }

class Delta : public ::testing::Test {
 protected:
  void begin(const std::string& nic, unsigned queues, unsigned cores = 1) {
    in = inputs(nic, "quickstart");
    Options options;
    options.queues = queues;
    options.cores = cores;
    options.prove = false;  // begin() does
    plan = must(compile(in, options));
    proof = must(DeltaProof::begin(plan, in));
  }

  // What a proof from nothing says of the plan after the operation.
  bool whole(const Operation& o) {
    plan::Plan after = proof->plan();
    if (!plan::apply(o, after)) return false;
    Inputs then = in;
    then.workload.flows.clear();
    for (const auto& f : wanted) then.workload.flows.push_back(f);
    then.workload.endpoints = after.endpoints;
    const auto verdict = verify_meaning(after, then);
    return verdict && verdict->proved;
  }
  void want(const plan::FlowEntry& f) {
    wanted.push_back({.src = f.src,
                      .src_port = f.src_port,
                      .dst_port = f.dst_port,
                      .endpoint = f.endpoint,
                      .dst = f.dst});
  }
  void forget(const plan::FlowEntry& f) {
    std::erase_if(wanted, [&](const ir::Flow& w) {
      return w.src == f.src && w.src_port == f.src_port && w.dst_port == f.dst_port;
    });
  }
  // Both proofs agree; the incremental one is taken.
  bool step(const Operation& o) {
    if (o.kind == Kind::add_flow) want(o.flow);
    if (o.kind == Kind::remove_flow) forget(o.flow);
    const bool expected = whole(o);
    const auto done = proof->step(o);
    EXPECT_EQ(done.has_value(), expected)
        << plan::text(o) << (done ? "" : diag::render(done.error(), false));
    if (!done) {
      if (o.kind == Kind::add_flow) forget(o.flow);
      if (o.kind == Kind::remove_flow) want(o.flow);
    }
    return done.has_value();
  }
  plan::FlowEntry flow(std::uint16_t port, unsigned queue) const {
    return {0x0a070001, port, 0x0a070002, 7, 0, queue};
  }
  plan::Filter rule(const plan::FlowEntry& f) const {
    plan::Filter out = plan.configuration.filters.front();
    out.id = "n" + std::to_string(f.src_port);
    out.queue = f.queue;
    out.match["udp.src_port"].first = f.src_port;
    return out;
  }
  const plan::Filter* rule_of(const plan::FlowEntry& f) const {
    for (const auto& r : proof->plan().configuration.filters)
      if (r.match.at("udp.src_port").first == f.src_port) return &r;
    return nullptr;
  }

  Inputs in;
  plan::Plan plan;
  std::unique_ptr<DeltaProof> proof;
  std::vector<ir::Flow> wanted;

  void SetUp() override {
    begin("intel_82599", 4);
    for (const auto& f : plan.flows) want(f);
  }
};

TEST_F(Delta, OneFlowMoreTakesNoSolver) {
  const auto f = flow(50000, 2);
  proof->want(key_of(f), 0);
  const auto before = proof->counters().queries;
  EXPECT_TRUE(step({.kind = Kind::add_flow, .flow = f}));
  EXPECT_FALSE(proof->settled());  // RSS brings it elsewhere still
  EXPECT_TRUE(step({.kind = Kind::create_rule, .filter = rule(f)}));
  EXPECT_TRUE(proof->settled());
  EXPECT_EQ(proof->counters().queries, before);
  EXPECT_EQ(proof->proof().status, "proved");
}

TEST_F(Delta, AFlowNobodyAskedFor) {
  EXPECT_FALSE(proof->step({.kind = Kind::add_flow, .flow = flow(50000, 2)}));
  proof->want(key_of(flow(50000, 2)), 0);
  auto other = flow(50000, 2);
  other.endpoint = 5;
  EXPECT_FALSE(proof->step({.kind = Kind::add_flow, .flow = other}));
}

TEST_F(Delta, RuleBeforeItsState) {
  const auto f = flow(50000, 2);
  proof->want(key_of(f), 0);
  EXPECT_FALSE(step({.kind = Kind::create_rule, .filter = rule(f)}));
  EXPECT_TRUE(plan::same_but_for_names(proof->plan(), plan));
}

TEST_F(Delta, RuleToTheWrongQueueOrWithTheWrongMark) {
  const auto f = flow(50000, 2);
  proof->want(key_of(f), 0);
  ASSERT_TRUE(step({.kind = Kind::add_flow, .flow = f}));
  auto wrong = rule(f);
  wrong.queue = 3;
  EXPECT_FALSE(step({.kind = Kind::create_rule, .filter = wrong}));
  ASSERT_TRUE(proof->counterexample());
  EXPECT_FALSE(proof->counterexample()->frame.empty());
  EXPECT_TRUE(step({.kind = Kind::create_rule, .filter = rule(f)}));
}

TEST_F(Delta, StateTakenFromUnderARule) {
  const auto f = plan.flows.front();
  proof->forget(key_of(f));
  EXPECT_FALSE(step({.kind = Kind::remove_flow, .flow = f}));
  EXPECT_FALSE(step({.kind = Kind::move_flow, .flow = f, .queue = f.queue == 1 ? 2u : 1u}));
}

TEST_F(Delta, DescriptorsInFlightNeedTheState) {
  const auto f = plan.flows.front();
  proof->forget(key_of(f));
  ASSERT_TRUE(step({.kind = Kind::destroy_rule, .filter = *rule_of(f)}));
  const auto early = proof->step({.kind = Kind::remove_flow, .flow = f});
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().list.front().code, "E0673");
  EXPECT_FALSE(proof->step({.kind = Kind::move_flow, .flow = f, .queue = 0}));
  ASSERT_TRUE(proof->step({.kind = Kind::drain, .queue = f.queue}));
  EXPECT_TRUE(step({.kind = Kind::remove_flow, .flow = f}));
  EXPECT_TRUE(proof->settled());
}

TEST_F(Delta, TheTableNamesNoQueueThatIsForFlowsAlone) {
  EXPECT_FALSE(step({.kind = Kind::set_table, .entries = {{3, 1}}}));
  const auto any = std::make_shared<plan::Residue>(*plan::residue_of_queue(plan, 0));
  ASSERT_TRUE(step({.kind = Kind::set_residue, .queue = 1, .residue = any}));
  EXPECT_TRUE(step({.kind = Kind::set_table, .entries = {{3, 1}}}));
  // ... and back, when nothing waits there any more.
  const auto flows = std::make_shared<plan::Residue>(*plan::residue_of_queue(plan, 2));
  EXPECT_FALSE(step({.kind = Kind::set_residue, .queue = 1, .residue = flows}));
  ASSERT_TRUE(step({.kind = Kind::set_table, .entries = {{3, 0}}}));
  EXPECT_FALSE(proof->step({.kind = Kind::set_residue, .queue = 1, .residue = flows}));
  ASSERT_TRUE(proof->step({.kind = Kind::drain, .queue = 1}));
  EXPECT_TRUE(step({.kind = Kind::set_residue, .queue = 1, .residue = flows}));
  EXPECT_TRUE(plan::same_but_for_names(proof->plan(), plan));
}

TEST_F(Delta, AFullTable) {
  const unsigned room = 128 - static_cast<unsigned>(plan.configuration.filters.size());
  for (unsigned i = 0; i <= room; ++i) {
    const auto f = flow(static_cast<std::uint16_t>(50000 + i), 1 + i % 3);
    proof->want(key_of(f), 0);
    ASSERT_TRUE(proof->step({.kind = Kind::add_flow, .flow = f}));
    EXPECT_EQ(proof->step({.kind = Kind::create_rule, .filter = rule(f)}).has_value(), i < room);
  }
}

// Random operations, most of them wrong somehow: both proofs always say the same.
TEST_F(Delta, AgreesWithTheProofOfTheWholePlan) {
  using Card = std::tuple<const char*, unsigned, unsigned>;
  std::vector<Card> cards = {{"intel_82599", 4, 1}};
  const bool nightly = std::getenv("WEFT_NIGHTLY") != nullptr;
  if (nightly) cards.insert(cards.end(), {{"intel_e810", 3, 1}, {"tap", 2, 2}, {"none", 1, 1}});
  for (const auto& [nic, queues, cores] : cards) {
    SCOPED_TRACE(nic);
    wanted.clear();
    begin(nic, queues, cores);
    for (const auto& f : plan.flows) want(f);
    std::mt19937 random(7);
    const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    unsigned taken = 0;
    for (unsigned i = 0; i < (nightly ? 60 : 8); ++i) {
      const auto& now = proof->plan();
      const auto some = now.flows[pick(static_cast<unsigned>(now.flows.size()))];
      const auto fresh = flow(static_cast<std::uint16_t>(50000 + pick(6)), pick(queues));
      for (unsigned q = 0; q < queues; ++q)
        ASSERT_TRUE(proof->step({.kind = Kind::drain, .queue = q}));
      Operation o;
      switch (pick(6)) {
        case 0:
          o = {.kind = Kind::add_flow, .flow = fresh};
          if (plan::find_flow(now, fresh) != nullptr) continue;
          proof->want(key_of(fresh), 0);
          break;
        case 1:
          o = {.kind = Kind::remove_flow, .flow = some};
          proof->forget(key_of(some));
          break;
        case 2: o = {.kind = Kind::move_flow, .flow = some, .queue = pick(queues)}; break;
        case 3:
          if (plan.configuration.filters.empty()) continue;
          o = {.kind = Kind::create_rule, .filter = rule(pick(2) ? some : fresh)};
          break;
        case 4:
          if (rule_of(some) == nullptr) continue;
          o = {.kind = Kind::destroy_rule, .filter = *rule_of(some)};
          break;
        case 5:
          if (now.configuration.rss.table.empty()) continue;
          o = {.kind = Kind::set_table,
               .entries = {{pick(64), static_cast<std::uint16_t>(pick(queues))}}};
          break;
      }
      if (step(o)) ++taken;
      if (o.kind == Kind::remove_flow && plan::find_flow(proof->plan(), some) != nullptr)
        proof->want(key_of(some), some.endpoint);
    }
    EXPECT_GE(taken, 2u);
  }
}

}  // namespace
}  // namespace weft::passes::testing
