// Handover stands where a card may deliver elsewhere, and nowhere else; without it no plan is
// proved.
#include "compiler/passes/handover.h"

#include <gtest/gtest.h>

#include "compiler/passes/prove.h"
#include "compiler/plan/delta.h"
#include "compiler/plan/owners.h"
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

const plan::Plan& connections() {  // on a card whose hash alone places them
  static const plan::Plan plan = plan_of(inputs("intel_82599", "tcp_echo", "host_ipv4"), 2);
  return plan;
}

// Segments: where the hash alone places them the plan says of what, and nothing is handed over; or
// else they are, by a hash of the stack's own. (The rules of the second card look at TCP, too.)
TEST(Handover, SegmentsArePlacedByTheHashOrHandedOver) {
  EXPECT_EQ(connections().configuration.rss.segment, plan::segment_fields);
  const ir::Graph& graph = connections().residues[0].graph;
  const auto kept = graph.find("tcp_receive_handover");
  ASSERT_TRUE(kept) << "rules and table may change while connections are open";
  EXPECT_EQ(graph.node(*kept).impl, "handover.kept");
  EXPECT_TRUE(has(connections().residues[0], "ipv4_reassembled_handover"));
  const Inputs in = inputs("broadcom_bnxt", "quickstart", "host_ipv4");
  const auto plan = plan_of(in, 2);
  ASSERT_FALSE(plan.configuration.filters.empty());
  EXPECT_FALSE(plan.configuration.rss.segment);
  EXPECT_TRUE(has(plan.residues[0], "tcp_receive_handover"));
  EXPECT_FALSE(has(plan.residues[0], "ipv4_reassembled_handover"));
  const auto verdict = must(verify_plan(plan, in));
  EXPECT_TRUE(verdict.proved) << (verdict.counterexample ? verdict.counterexample->why : "");
}

// Pieces show no ports, so what is put together of them is on any queue; the card brings the whole
// ones to one.
TEST(Handover, WhatCameInPiecesIsHandedToItsConnection) {
  const Inputs in = inputs("intel_82599", "tcp_echo", "host_ipv4");
  auto plan = connections();
  const auto good = must(verify_plan(plan, in));
  EXPECT_TRUE(good.proved) << (good.counterexample ? good.counterexample->why : "");
  ir::Graph& graph = plan.residues[0].graph;
  const auto at = *graph.find("ipv4_reassembled_handover");
  EXPECT_EQ(graph.node(at).slots, std::vector<std::string>{"ipv4_reassembled"});
  std::swap(graph.node(at).slots, graph.node(*graph.next(at, 0)).slots);
  const auto without = must(verify_plan(plan, in));
  ASSERT_TRUE(without.counterexample);
  EXPECT_NE(without.counterexample->why.find("put together of pieces"), std::string::npos)
      << without.counterexample->why;
}

// Who opens a connection relies on it.
TEST(Handover, WhatPlacesSegmentsMustBeTrue) {
  const Inputs in = inputs("intel_82599", "tcp_echo", "host_ipv4");
  using Fields = std::vector<std::string>;
  for (const std::optional<Fields>& said :
       {std::optional<Fields>(), std::optional(Fields{"ipv4.src", "ipv4.dst"})}) {
    auto plan = connections();
    plan.configuration.rss.segment = said;
    const auto verdict = must(verify_plan(plan, in));
    ASSERT_TRUE(verdict.counterexample);
    EXPECT_NE(verdict.counterexample->why.find("opens a connection"), std::string::npos)
        << verdict.counterexample->why;
  }
}

// A running stack keeps what decides where its connections are, unless it hands over those that are
// open.
TEST(Handover, ConnectionsStayOnTheirQueues) {
  auto before = connections();
  auto after = before;
  const auto other = static_cast<std::uint16_t>(1 - before.configuration.rss.table[3]);
  after.configuration.rss.table[3] = other;
  const plan::Operation change{.kind = plan::Operation::Kind::set_table, .entries = {{3, other}}};
  const auto list = must(plan::operations(before, after));
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].kind, plan::Operation::Kind::set_table);
  EXPECT_TRUE(plan::keeps_connections(before));
  for (plan::Plan* plan : {&before, &after}) {
    ir::Graph& graph = plan->residues[0].graph;
    std::erase(graph.node(*graph.find("tcp_receive")).slots, "handed_kept");
    boost::remove_out_edge_if(
        *graph.find("tcp_receive_handover"), [&](auto e) { return graph.g[e].spawn; }, graph.g);
    ASSERT_FALSE(plan::keeps_connections(*plan));
  }
  const auto refused = plan::operations(before, after);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().list.front().code, "E0670");
  EXPECT_NE(refused.error().list.front().message.find("which TCP connection"), std::string::npos);
  auto running = before;
  const auto unfit = plan::apply(change, running);
  ASSERT_FALSE(unfit);
  EXPECT_EQ(unfit.error().list.front().code, "E0671");
  EXPECT_EQ(running.configuration.rss.table, before.configuration.rss.table);
  // Where nobody serves TCP there are none.
  std::erase_if(before.endpoints, [](const ir::Endpoint& e) { return e.tcp; });
  after.endpoints = before.endpoints;
  EXPECT_TRUE(plan::operations(before, after));
  EXPECT_TRUE(plan::apply(change, before));
}

// A flow whose rule is gone arrives where the hash takes it, and is served by its owner all the
// same.
TEST(Handover, MakesUpForARuleThatIsMissing) {
  const Inputs in = inputs("intel_e810", "quickstart");
  auto plan = plan_of(in, 4);
  plan.configuration.filters.erase(plan.configuration.filters.begin());
  const auto verdict = must(verify_meaning(plan, in));
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
