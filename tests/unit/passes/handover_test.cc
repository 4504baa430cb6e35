// Handover stands where a card may deliver elsewhere, and nowhere else; without it no plan is
// proved.
#include "compiler/passes/handover.h"

#include <gtest/gtest.h>

#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

plan::Plan plan_of(const Inputs& in, unsigned queues) {
  Options options;
  options.prove = false;
  options.queues = queues;
  return must(compile(in, options));
}

bool has(const plan::Residue& residue, const std::string& node) {
  return residue.graph.find(node).has_value();
}

TEST(Handover, OneQueueNeedsNone) {
  for (const char* nic : {"none", "tap", "ideal"}) {
    const auto plan = plan_of(inputs(nic, "quickstart"), 1);
    for (const char* node : {"udp_flow_handover", "ipv4_reassemble_handover", "handed_over"})
      EXPECT_FALSE(has(plan.residues[0], node)) << nic << " " << node;
  }
}

// RSS takes all fragments of two hosts to one queue, so they need no other owner; what is put
// together of them may belong to a flow on another queue.
TEST(Handover, ACardThatHashesAddressesKeepsFragmentsTogether) {
  const auto plan = plan_of(inputs("intel_82599", "quickstart"), 4);
  EXPECT_TRUE(has(plan.residues[0], "udp_flow_handover"));
  EXPECT_TRUE(has(plan.residues[0], "arp_learn_handover"));
  EXPECT_FALSE(has(plan.residues[0], "ipv4_reassemble_handover"));
  for (const auto& d : plan.residues[0].decisions) {
    if (d.node == "ipv4_reassemble_handover") EXPECT_EQ(d.fate, ir::Fate::gone);
    if (d.node == "udp_flow_handover") EXPECT_EQ(d.fate, ir::Fate::handover);
  }
  // Queues that rules feed get nothing but their own flows.
  EXPECT_FALSE(has(plan.residues[1], "udp_flow_handover"));
}

TEST(Handover, ACardThatNobodyCanPredictNeedsAll) {
  const Inputs in = inputs("tap", "quickstart");
  auto plan = plan_of(in, 4);
  EXPECT_EQ(plan.configuration.rx_queues, 4u);
  EXPECT_EQ(plan.flows.size(), 40u);
  for (const char* node :
       {"udp_flow_handover", "icmp_endpoint_handover", "ipv4_reassemble_handover",
        "arp_take_handover", "icmp_learn_path_handover", "handed_over", "drop_handover_full"})
    EXPECT_TRUE(has(plan.residues[0], node)) << node;
  const auto verdict = must(verify_plan(plan, in));
  EXPECT_TRUE(verdict.proved) << (verdict.counterexample ? verdict.counterexample->why : "");
}

// Without one of them the proof has two packets, or one, that show it.
TEST(Handover, NoneCanBeLeftOut) {
  const Inputs in = inputs("tap", "quickstart");
  const auto good = plan_of(in, 2);
  for (const char* node :
       {"udp_flow_handover", "icmp_endpoint_handover", "ipv4_reassemble_handover",
        "arp_learn_handover", "icmp_learn_path_handover"}) {
    auto plan = good;
    ir::Graph& graph = plan.residues[0].graph;
    const auto at = *graph.find(node);
    const auto here = *graph.next(at, 0);
    for (auto [v, end] = vertices(graph.g); v != end; ++v) {
      for (unsigned port = 0; port < graph.node(*v).ports.size(); ++port) {
        if (graph.next(*v, port) != at) continue;
        remove_out_edge_if(
            *v, [&](auto e) { return !graph.g[e].spawn && graph.g[e].port == port; }, graph.g);
        graph.connect(*v, port, here);
      }
    }
    const auto verdict = must(verify_plan(plan, in));
    ASSERT_TRUE(verdict.counterexample) << node;
    EXPECT_FALSE(verdict.counterexample->frame.empty()) << node;
  }
}

// A flow whose rule is gone arrives where the hash takes it, and is served by its owner all the
// same.
TEST(Handover, MakesUpForARuleThatIsMissing) {
  const Inputs in = inputs("intel_e810", "quickstart");
  auto plan = plan_of(in, 4);
  plan.configuration.filters.erase(plan.configuration.filters.begin());
  const auto verdict = must(verify_plan(plan, in));
  EXPECT_TRUE(verdict.proved) << (verdict.counterexample ? verdict.counterexample->why : "");
}

// ... but not where it comes by a rule to a queue that knows nothing but its own flows.
TEST(Handover, ARuleToTheWrongQueueIsStillRefused) {
  const Inputs in = inputs("intel_e810", "quickstart");
  auto plan = plan_of(in, 4);
  auto& rule = plan.configuration.filters.at(0);
  rule.queue = rule.queue == 3 ? 2 : 3;
  const auto verdict = must(verify_plan(plan, in));
  ASSERT_TRUE(verdict.counterexample);
  EXPECT_NE(verdict.counterexample->expected.find("arrives on queue"), std::string::npos)
      << verdict.counterexample->expected;
}

}  // namespace
}  // namespace weft::passes::testing
