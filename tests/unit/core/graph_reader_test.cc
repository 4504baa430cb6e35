#include "compiler/frontend/graph_reader.h"

#include <gtest/gtest.h>

#include <fstream>

#include "compiler/diag/sha256.h"
#include "compiler/ir/dot.h"
#include "tests/unit/core/shipped.h"

namespace weft {
namespace {

using ir::Graph;
using ir::NodeKind;

Graph read(const std::string& text) {
  auto graph = frontend::graph_from_text(text, "t.yaml", test::fields());
  if (!graph) throw std::runtime_error(test::errors(graph.error()));
  return std::move(*graph);
}

// print -> read -> print gives the same text, and the graph read has the same vertices and edges.
void expect_round_trip(const Graph& graph) {
  const std::string text = frontend::print_graph(graph);
  const auto back = frontend::graph_from_text(text, "printed", test::fields());
  ASSERT_TRUE(back) << test::errors(back.error()) << text;
  EXPECT_EQ(frontend::print_graph(*back), text);
  ASSERT_EQ(boost::num_vertices(back->g), boost::num_vertices(graph.g));
  ASSERT_EQ(boost::num_edges(back->g), boost::num_edges(graph.g));
  for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    EXPECT_EQ(back->node(v).id, graph.node(v).id);
    EXPECT_EQ(back->node(v).kind, graph.node(v).kind);
    ASSERT_EQ(back->node(v).ports.size(), graph.node(v).ports.size()) << graph.node(v).id;
    for (unsigned p = 0; p < graph.node(v).ports.size(); ++p) {
      EXPECT_EQ(back->node(v).ports[p].name, graph.node(v).ports[p].name);
      EXPECT_TRUE(ir::equal(back->node(v).ports[p].when, graph.node(v).ports[p].when));
      EXPECT_EQ(back->next(v, p), graph.next(v, p));
    }
    EXPECT_EQ(back->spawns(v), graph.spawns(v));
  }
}

TEST(Shipped, GraphsRoundTrip) {
  const auto files = test::yaml_files("graphs");
  ASSERT_FALSE(files.empty());
  for (const std::string& path : files) {
    SCOPED_TRACE(path);
    const auto graph = frontend::read_graph(path, test::fields());
    ASSERT_TRUE(graph) << test::errors(graph.error());
    expect_round_trip(*graph);
  }
}

TEST(Shipped, CardsRoundTrip) {
  const auto files = test::yaml_files("nicmodels");
  ASSERT_GE(files.size(), 5U);
  for (const std::string& path : files) {
    SCOPED_TRACE(path);
    const auto nic = frontend::read_nic(path, test::fields());
    ASSERT_TRUE(nic) << test::errors(nic.error());
    expect_round_trip(nic->receive);
    expect_round_trip(nic->transmit);
  }
}

TEST(Shipped, WorkloadsAreRead) {
  for (const std::string& path : test::yaml_files("graphs/workloads")) {
    const auto workload = frontend::read_workload(path);
    EXPECT_TRUE(workload) << test::errors(workload.error());
  }
}

TEST(GraphReader, PortsOfEveryKind) {
  const Graph g = read(R"(
graph: g
nodes:
  rx: {kind: wire, next: m}
  m:
    kind: match
    ports:
      yes: {when: "pkt.len > 100", to: a}
      no: {otherwise: true, to: t}
  a:
    kind: and
    of:
      - {id: one, when: "pkt.len > 1", else: d}
      - {id: two, when: "desc.ip_cksum == good", test: ipv4.checksum_ok, else: e}
    next: o
  o:
    kind: or
    of:
      - {id: first, when: "pkt.len > 200", then: x}
      - {id: second, test: udp.checksum_ok, then: tx}
    next: d
  t: {kind: test, impl: udp.checksum_ok, ports: {no: d, yes: x}}
  x: {kind: effect, impl: vlan.pop, ports: {hit: tx, miss: d}, spawn: {reply: tx}}
  s: {kind: endpoint, impl: application, slot: udp_send, next: x}
  tx: {kind: wire}
  e: {kind: exception}
drops:
  d: no reason
)");
  const auto at = [&](const char* id) { return *g.find(id); };
  const auto leads = [&](const char* id, const char* port) {
    const auto p = g.port(at(id), port);
    return p && g.next(at(id), *p) ? g.node(*g.next(at(id), *p)).id : "nowhere";
  };
  EXPECT_EQ(leads("rx", "out"), "m");
  EXPECT_EQ(leads("m", "yes"), "a");
  EXPECT_EQ(leads("m", "no"), "t");
  EXPECT_EQ(g.node(at("m")).ports[1].when, nullptr);
  EXPECT_EQ(leads("a", "yes"), "o");
  EXPECT_EQ(leads("a", "one"), "d");
  EXPECT_EQ(leads("a", "two"), "e");
  EXPECT_EQ(g.port(at("a"), "yes"), 0U);
  EXPECT_EQ(g.node(at("a")).items[1].test, "ipv4.checksum_ok");
  EXPECT_EQ(leads("o", "no"), "d");
  EXPECT_EQ(leads("o", "second"), "tx");
  EXPECT_EQ(leads("t", "yes"), "x");
  EXPECT_EQ(g.port(at("t"), "yes"), 0U);  // yes first, however it was written
  EXPECT_EQ(leads("x", "miss"), "d");
  EXPECT_EQ(g.spawns(at("x")).at(0).first, "reply");
  EXPECT_EQ(g.node(at("s")).slots, std::vector<std::string>{"udp_send"});
  EXPECT_EQ(g.node(at("d")).kind, NodeKind::drop);
  EXPECT_EQ(g.node(at("d")).meaning, "no reason");
  EXPECT_FALSE(g.find("nothing"));
  const auto order = g.topological();
  ASSERT_EQ(order.size(), boost::num_vertices(g.g));
  EXPECT_EQ(g.node(order.front()).id, "rx");
  expect_round_trip(g);
}

const char* residue = R"(
graph: 0123abcd
residue: true
nodes:
  rx: {kind: wire, next: ok, fate: software, why: entry}
  ok:
    kind: and
    of:
      - {id: checksum, when: "desc.ip_cksum == good", test: ipv4.checksum_ok, else: d, fate: read, why: "the card says it: and \"why\""}
      - {id: length, when: "pkt.len >= 14", fate: software}
    next: m
    fate: read
  m:
    kind: match
    ports:
      yes: {when: "pkt.len > 100", to: x}
      no: {otherwise: true}
    fate: software
  x: {kind: effect, impl: udp.find_flow, ports: {hit: tx, miss: ~}, slot: [arp_resolved, reply], fate: card, why: x}
  cut: {kind: drop, meaning: left over, fate: gone}
  tx: {kind: wire, fate: software}
  d: {kind: drop, meaning: bad, fate: software}
)";

TEST(GraphReader, ResiduesKeepFatesAndCutPorts) {
  const Graph g = read(residue);
  const auto ok = *g.find("ok");
  EXPECT_EQ(g.name, "0123abcd");
  EXPECT_EQ(g.node(ok).fate, ir::Fate::read);
  EXPECT_EQ(g.node(ok).items[0].fate, ir::Fate::read);
  EXPECT_EQ(g.node(ok).items[0].why, "the card says it: and \"why\"");
  EXPECT_EQ(g.next(ok, 2), std::nullopt);
  EXPECT_EQ(g.next(*g.find("m"), 1), std::nullopt);
  const auto x = *g.find("x");
  EXPECT_EQ(g.port(x, "miss"), 1U);
  EXPECT_EQ(g.next(x, 1), std::nullopt);
  EXPECT_EQ(g.node(x).slots.size(), 2U);
  EXPECT_EQ(g.node(x).fate, ir::Fate::card);
  EXPECT_EQ(g.node(*g.find("cut")).fate, ir::Fate::gone);
  expect_round_trip(g);
}

TEST(GraphReader, FatesBelongToResiduesOnly) {
  const auto g = frontend::graph_from_text(
      "graph: g\nnodes:\n  rx: {kind: wire, next: tx, fate: gone}\n  tx: {kind: wire}\n", "t",
      test::fields());
  EXPECT_EQ(test::codes(g), "E0104");
}

TEST(GraphReader, EmbeddedGraphsReturnTheirErrors) {
  std::string inner = residue;
  std::string indented = "version: 1\ngraph:\n";
  for (std::size_t at = 1; at < inner.size();) {
    const std::size_t end = inner.find('\n', at);
    indented += "  " + inner.substr(at, end - at) + "\n";
    at = end + 1;
  }
  auto document = frontend::parse_yaml(indented, "plan.yaml");
  ASSERT_TRUE(document) << test::errors(document.error());
  frontend::Mapping top(document->root(), "the plan");
  top.optional("version");
  const auto value = top.required("graph");
  const auto good = frontend::graph_from_node(value, test::fields(), {.residue = true});
  ASSERT_TRUE(good) << test::errors(good.error());
  EXPECT_EQ(good->digest, diag::sha256_hex(frontend::print_graph(*good)));
  EXPECT_TRUE(document->ok());

  // Errors come back in the result, with their place in the outer file, and not twice.
  indented.replace(indented.find("next: ok"), 8, "next: ko");
  auto broken = frontend::parse_yaml(indented, "plan.yaml");
  frontend::Mapping outer(broken->root(), "the plan");
  const auto bad = frontend::graph_from_node(outer.required("graph"), test::fields());
  ASSERT_EQ(test::codes(bad), "E0220");
  EXPECT_EQ(bad.error().list[0].span.line, 6U);
  EXPECT_TRUE(broken->ok());
}

TEST(GraphReader, DigestIsOfTheFile) {
  const std::string path = test::source("graphs/host_udp_ipv4.yaml");
  const auto graph = frontend::read_graph(path, test::fields());
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(graph->digest, diag::sha256_hex(text));
}

TEST(Dot, ShowsKindsFatesAndSpawns) {
  const std::string dot = ir::to_dot(read(R"(
graph: g
nodes:
  rx: {kind: wire, next: x}
  x: {kind: effect, impl: vlan.pop, next: "quo_ted", spawn: {reply: tx}}
  quo_ted: {kind: endpoint, meaning: 'a "word"'}
  tx: {kind: wire}
)"));
  EXPECT_NE(dot.find("\"rx\" [shape=cds"), std::string::npos) << dot;
  EXPECT_NE(dot.find("\"x\" -> \"tx\" [style=dashed"), std::string::npos) << dot;
  EXPECT_NE(dot.find("tooltip=\"a \\\"word\\\"\""), std::string::npos) << dot;
  const std::string fates = ir::to_dot(read(residue));
  EXPECT_NE(fates.find("fillcolor=\"#d5e8d4\""), std::string::npos);  // read
  EXPECT_NE(fates.find("fillcolor=\"#d6e4f5\""), std::string::npos);  // card
}

}  // namespace
}  // namespace weft
