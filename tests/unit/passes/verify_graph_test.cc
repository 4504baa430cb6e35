// Bad graphs are refused with the node's place and a packet that shows why.
#include <gtest/gtest.h>

#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

diag::Result<void> verify(const std::string& nodes,
                          const std::string& drops = "drops: {drop_x: anything}\n") {
  const auto graph =
      frontend::graph_from_text("graph: t\nnodes:\n" + nodes + drops, "t.yaml", fields());
  if (!graph) return diag::fail(graph.error());
  return verify_graph(*graph, fields());
}

std::string code(const diag::Result<void>& r) { return r ? "" : r.error().list.front().code; }

constexpr const char* head =
    "  rx: {kind: wire, next: m}\n"
    "  tx: {kind: wire}\n";

TEST(VerifyGraph, TakesTheShippedGraphAndModels) {
  for (const auto& nic : nics) {
    const Inputs in = inputs(nic, "echo");
    EXPECT_TRUE(verify_graph(in.graph, in.fields));
    EXPECT_TRUE(verify_nic(in.nic, in.fields)) << nic;
  }
}

TEST(VerifyGraph, RefusesOverlappingPorts) {
  const auto r = verify(std::string(head) +
                        "  m:\n    kind: match\n    ports:\n"
                        "      a: {when: \"pkt.len >= 60\", to: tx}\n"
                        "      b: {when: \"pkt.len <= 60\", to: drop_x}\n");
  EXPECT_EQ(code(r), "E0401");
  EXPECT_NE(r.error().list.front().label.find("pkt.len = 60"), std::string::npos)
      << r.error().list.front().label;
}

TEST(VerifyGraph, RefusesPortsThatLeavePacketsOut) {
  const auto r = verify(std::string(head) +
                        "  m:\n    kind: match\n    ports:\n"
                        "      a: {when: \"pkt.len > 60\", to: tx}\n"
                        "      b: {when: \"pkt.len < 60\", to: drop_x}\n");
  EXPECT_EQ(code(r), "E0402");
}

TEST(VerifyGraph, RefusesAPortThatNothingTakes) {
  const auto r = verify(std::string(head) +
                            "  m:\n    kind: match\n    ports:\n"
                            "      a: {when: \"pkt.len > 60\", to: n}\n"
                            "      b: {otherwise: true, to: drop_x}\n"
                            "  n:\n    kind: match\n    ports:\n"
                            "      a: {when: \"pkt.len > 50\", to: tx}\n"
                            "      b: {otherwise: true, to: drop_y}\n",
                        "drops: {drop_x: anything, drop_y: nothing}\n");
  EXPECT_EQ(code(r), "E0403");
}

TEST(VerifyGraph, RefusesAReadBeforeTheLengthIsKnown) {
  const auto r = verify(std::string(head) +
                        "  m:\n    kind: match\n    ports:\n"
                        "      a: {when: \"eth.type == 0x0800\", to: tx}\n"
                        "      b: {otherwise: true, to: drop_x}\n");
  EXPECT_EQ(code(r), "E0404");
}

TEST(VerifyGraph, AnEarlierItemMayBeTheLengthCheck) {
  const std::string node =
      "  m:\n    kind: and\n    of:\n"
      "      - {id: %1, when: \"%2\", else: drop_x}\n"
      "      - {id: %3, when: \"%4\", else: drop_y}\n    next: tx\n";
  const auto make = [&](std::string a, std::string b, std::string c, std::string d) {
    std::string s = node;
    for (auto& [key, value] : {std::pair{"%1", a}, {"%2", b}, {"%3", c}, {"%4", d}})
      s.replace(s.find(key), 2, value);
    return verify(std::string(head) + s, "drops: {drop_x: anything, drop_y: nothing}\n");
  };
  EXPECT_TRUE(make("length", "pkt.len >= 14", "type", "eth.type == 0x0800"));
  EXPECT_EQ(code(make("type", "eth.type == 0x0800", "length", "pkt.len >= 14")), "E0404");
}

TEST(VerifyGraph, RefusesATestWhoseHeaderIsNotChecked) {
  const auto r = verify(std::string(head) +
                        "  m:\n    kind: and\n    of:\n"
                        "      - {id: sum, test: ipv4.checksum_ok, else: drop_x}\n    next: tx\n");
  EXPECT_EQ(code(r), "E0405");
}

TEST(VerifyGraph, RefusesUnknownNodesPortsAndSlots) {
  const std::string effect = std::string(head) + "  m: {kind: effect, impl: %, next: tx}\n";
  const auto with = [&](const std::string& impl) {
    std::string s = effect;
    return verify(s.replace(s.find('%'), 1, impl), "");
  };
  EXPECT_EQ(code(with("eth.opne")), "E0301");
  EXPECT_NE(with("eth.opne").error().list.front().label.find("eth.open"), std::string::npos);
  EXPECT_EQ(code(with("ipv4.checksum_ok")), "E0302");
  EXPECT_EQ(code(with("udp.find_port")), "E0303");
  EXPECT_EQ(code(with("arp.reply")), "E0306");
}

}  // namespace
}  // namespace weft::passes::testing
