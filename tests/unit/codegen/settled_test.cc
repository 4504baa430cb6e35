#include "compiler/codegen/settled.h"

#include <gtest/gtest.h>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"

namespace weft::test {
namespace {

using codegen::ResidueContext;
using codegen::Settled;

class SettledTest : public ::testing::Test {
 protected:
  ir::Vertex entry(unsigned number) const { return *edges_.entries[number]; }
  ir::Vertex node(const std::string& id) const { return *graph_.find(id); }
  ir::ExprPtr parsed(const std::string& text) const {
    auto expr = frontend::parse_expr(text, fields_, {});
    EXPECT_TRUE(expr) << text;
    return *expr;
  }
  // The texts of what is still to be asked; "-" for what is not.
  std::vector<std::string> open(Settled& settled, const std::vector<std::string>& texts) const {
    std::vector<ir::ExprPtr> terms;
    for (const auto& text : texts) terms.push_back(parsed(text));
    std::vector<std::string> left;
    for (const auto& term : settled.still_open(terms).terms)
      left.push_back(term ? ir::to_string(term) : "-");
    return left;
  }
  std::vector<std::string> of_batch(const Settled& settled) const {
    std::vector<std::string> texts;
    for (const auto& held : settled.of_batch()) texts.push_back(ir::to_string(held));
    return texts;
  }
  using Texts = std::vector<std::string>;

  const std::string root_ = frontend::source_root() + "/graphs";
  ir::FieldTable fields_ = *frontend::read_headers(root_ + "/headers");
  ir::Graph graph_ = *frontend::read_graph(root_ + "/host_udp_ipv4.yaml", fields_);
  ir::EdgeTable edges_ = ir::EdgeTable::of(graph_);
  codegen::ExprCompiler expressions_{fields_};
  std::set<std::string> includes_;
  ResidueContext context_{graph_, edges_, fields_, expressions_, includes_, {}, false};
};

TEST_F(SettledTest, HeadersOfTheWayAreThere) {
  EXPECT_EQ(Settled(context_, entry(ir::entry_rx)).at_first(), "p.len >= 42u");
  EXPECT_EQ(Settled(context_, entry(ir::entry_udp_send)).at_first(), "");
}

TEST_F(SettledTest, WhatFollowsIsNotAsked) {
  const Texts chain{"ipv4.ihl >= 5", "ipv4.total_length >= ipv4.ihl",
                    "ipv4.total_length <= l3.room", "ipv4.ihl <= l3.room"};
  Settled received(context_, entry(ir::entry_rx));
  const auto left = open(received, chain);
  EXPECT_NE(left[0], "-");
  EXPECT_NE(left[1], "-");
  EXPECT_NE(left[2], "-");
  EXPECT_EQ(left[3], "-");
  // Where no frame was measured, a comparison may be what protects a read.
  Settled sent(context_, entry(ir::entry_udp_send));
  EXPECT_NE(open(sent, chain)[3], "-");
}

TEST_F(SettledTest, AboutTheHostIsAskedOnce) {
  Settled settled(context_, entry(ir::entry_rx));
  EXPECT_EQ(open(settled, {"host.vlan_id == 0", "host.mac == eth.dst"})[0], "-");
  EXPECT_NE(open(settled, {"host.vlan_id == 0", "host.mac == eth.dst"})[1], "-");
  EXPECT_EQ(of_batch(settled), Texts{"host.vlan_id == 0"});
}

TEST_F(SettledTest, WhatANodeAssignedIsKnown) {
  Settled settled(context_, entry(ir::entry_rx));
  EXPECT_NE(open(settled, {"meta.vlan_id == host.vlan_id"})[0], "-");
  settled.passed(node("eth_open"));  // an untagged frame: 0
  EXPECT_EQ(open(settled, {"meta.vlan_id == host.vlan_id"})[0], "-");
  EXPECT_EQ(of_batch(settled), Texts{"0 == host.vlan_id"});
  settled.passed(node("vlan_pop"));  // whatever the tag says
  EXPECT_NE(open(settled, {"meta.vlan_id == host.vlan_id"})[0], "-");
}

TEST_F(SettledTest, TheBoundIsEnoughForAllBelow) {
  Settled settled(context_, entry(ir::entry_udp_send));
  const auto left = open(settled, {"l4.room <= 532", "l4.room + 20 <= host.mtu"});
  EXPECT_NE(left[0], "-");
  EXPECT_EQ(left[1], "-");
  EXPECT_EQ(of_batch(settled), Texts{"552 <= host.mtu"});
  // Without a bound it is asked of each packet.
  EXPECT_NE(open(settled, {"l4.room + 20 <= host.mtu"})[0], "-");
}

}  // namespace
}  // namespace weft::test
