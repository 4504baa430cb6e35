// A proof that can fail: one fault of each kind, and the packet that shows it. All places of all
// kinds are in tests/sim.
#include <gtest/gtest.h>

#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

class Prove : public ::testing::Test {
 protected:
  Inputs in = inputs("intel_82599", "quickstart");
  plan::Plan plan = must(compile(in, {}));

  Counterexample refused() {
    const auto verdict = must(verify_plan(plan, in));
    EXPECT_FALSE(verdict.proved);
    EXPECT_TRUE(verdict.counterexample);
    return verdict.counterexample.value_or(Counterexample{});
  }
  ir::Item& item(unsigned residue, const char* node, const char* id) {
    auto& graph = plan.residues.at(residue).graph;
    for (auto& i : graph.node(*graph.find(node)).items) {
      if (i.id == id) return i;
    }
    throw std::logic_error("no such item");
  }
};

TEST_F(Prove, TakesThePlanAsItIs) { EXPECT_TRUE(must(verify_plan(plan, in)).proved); }

// Flows to other own addresses are table data like all flows: same residues, and proved.
TEST_F(Prove, SecondaryAddressesAndBoundEndpoints) {
  in.workload.host.secondary = {{0x0a070003, 24}, {0xc0a80505, 28}};
  in.workload.endpoints[0].ports = 100;
  in.workload.endpoints.push_back(
      {.name = "bound", .port = 7, .app = "udp_echo", .address = 0x0a070003});
  for (std::size_t i = 0; i < in.workload.flows.size(); i += 2)
    in.workload.flows[i].dst = 0xc0a80505;
  const auto other = must(compile(in, {}));
  EXPECT_EQ(other.proof.status, "proved");
  ASSERT_EQ(other.residues.size(), plan.residues.size());
  for (std::size_t i = 0; i < plan.residues.size(); ++i)
    EXPECT_EQ(other.residues[i].id, plan.residues[i].id);
  EXPECT_NE(other.configuration.filters[0].match.at("ipv4.dst"),
            other.configuration.filters[1].match.at("ipv4.dst"));
}

TEST_F(Prove, ALookupThatIsLeftOut) {
  // Everything is taken for the host's own.
  auto& graph = plan.residues.at(0).graph;
  const auto lookup = *graph.find("ipv4_for_us");
  auto& node = graph.node(lookup);
  node.kind = ir::NodeKind::match;
  node.impl.clear();
  for (auto& port : node.ports)
    port.when = ir::binary(ir::Op::eq, ir::name("host.vlan_id", 12),
                           ir::constant(port.name == "own" ? 0 : 1, 12));
  const auto c = refused();
  EXPECT_NE(c.expected.find("ipv4_forwards"), std::string::npos) << c.expected;
}

TEST_F(Prove, ARuleToTheWrongQueue) {
  plan.configuration.filters[3].queue = plan.configuration.filters[3].queue == 1 ? 2 : 1;
  const auto c = refused();
  EXPECT_FALSE(c.frame.empty());
  EXPECT_NE(c.why.find("10.7.0.1:40003"), std::string::npos) << c.why;
}

TEST_F(Prove, TrustInUnknown) {
  auto& i = item(0, "udp_ok", "checksum");
  i.when = ir::any_of(
      {i.when, ir::binary(ir::Op::eq, ir::name("desc.l4_cksum", 2), ir::constant(0, 2))});
  const auto c = refused();
  EXPECT_EQ(c.descriptor.at("desc.l4_cksum"), 0u);
  EXPECT_NE(c.expected.find("drop_udp_checksum"), std::string::npos) << c.expected;
}

TEST_F(Prove, GoodTrustedForAFragment) {
  item(0, "ipv4_ok", "checksum").when =
      ir::binary(ir::Op::eq, ir::name("desc.ip_cksum", 2), ir::constant(1, 2));
  const auto c = refused();
  EXPECT_NE(c.expected.find("drop_ipv4_checksum"), std::string::npos) << c.expected;
}

TEST_F(Prove, AnOffloadThatIsOff) {
  plan.configuration.knobs["tx.udp_cksum"] = false;
  EXPECT_EQ(refused().entry, "udp_send");
}

TEST_F(Prove, ADescriptorThatIsOff) {
  plan.configuration.knobs["rx.l4_cksum"] = false;
  EXPECT_EQ(refused().entry, "rx");
}

TEST_F(Prove, AStaleEntry) {
  plan.flows.push_back({0x0a070063, 9, in.workload.host.address, 7, 0, 0});
  EXPECT_NE(refused().why.find("stale"), std::string::npos);
}

TEST_F(Prove, TheResidueOfAnotherQueue) {
  std::swap(plan.residues[0].queues, plan.residues[1].queues);
  refused();
}

TEST_F(Prove, APlanForOtherInputs) {
  in.workload.digest = "other";
  const auto r = verify_plan(plan, in);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().list.front().code, "E0501");
}

// One rule that looks at fragments: the first and the second part of a datagram on two queues.
TEST(ProveAffinity, FragmentsOfOneDatagramApart) {
  const Inputs in = inputs("ideal", "echo");
  Options options;
  options.queues = 4;
  auto plan = must(compile(in, options));
  plan.configuration.filters.push_back(
      {"bad", "datagrams", {{"ipv4.fragment_offset", {100, 0x1fff}}}, 0, 2, 0});
  const auto verdict = must(verify_plan(plan, in));
  ASSERT_TRUE(verdict.counterexample);
  EXPECT_FALSE(verdict.counterexample->second.empty());
}

}  // namespace
}  // namespace weft::passes::testing
