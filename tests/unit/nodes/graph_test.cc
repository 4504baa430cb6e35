// What graphs/host_udp_ipv4.yaml asks of the nodes: that they exist, with these ports and slots.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "stack-nodes/registry.h"

namespace weft::test {
namespace {

TEST(graph, every_node_of_the_protocol_graph_is_there) {
  const std::string root = frontend::source_root();
  auto fields = frontend::read_headers(root + "/graphs/headers");
  ASSERT_TRUE(fields) << diag::render(fields.error(), false);
  auto graph = frontend::read_graph(root + "/graphs/host_udp_ipv4.yaml", *fields);
  ASSERT_TRUE(graph) << diag::render(graph.error(), false);

  unsigned seen = 0;
  for (const auto v : boost::make_iterator_range(boost::vertices(graph->g))) {
    const ir::Node& node = graph->node(v);
    for (const ir::Item& item : node.items) {
      if (item.test.empty()) continue;
      const nodes::Entry* e = nodes::find(item.test);
      ASSERT_NE(e, nullptr) << node.id << ": " << item.test;
      EXPECT_EQ(e->decl->kind, nodes::Kind::test);
      ++seen;
    }
    if (node.kind != ir::NodeKind::effect) continue;
    const nodes::Entry* e = nodes::find(node.impl);
    ASSERT_NE(e, nullptr) << node.id << ": " << node.impl;
    ++seen;
    std::vector<std::string> ports;
    for (unsigned i = 0; i < node.ports.size(); ++i) {
      ports.push_back(node.ports[i].name);
      EXPECT_TRUE(graph->next(v, i)) << node.id << " " << node.ports[i].name;
    }
    const auto declared = nodes::split(e->decl->ports);
    // A single port may go by the name of the YAML's `next`.
    if (declared.size() > 1) {
      EXPECT_EQ(ports, declared) << node.id;
    } else {
      EXPECT_EQ(ports.size(), 1u) << node.id;
    }
    std::set<std::string> bound;
    for (const auto& [slot, target] : graph->spawns(v)) bound.insert(slot);
    const auto spawned = nodes::split(e->decl->spawns);
    EXPECT_EQ(bound, std::set<std::string>(spawned.begin(), spawned.end())) << node.id;
  }
  EXPECT_GE(seen, 25u);
}

}  // namespace
}  // namespace weft::test
