// Counters: their order, and what is derived from those that engines count.
#include "compiler/ir/edges.h"

#include <gtest/gtest.h>

#include <map>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"

namespace weft::test {
namespace {

ir::Graph lpg() {
  const auto fields = frontend::read_headers(frontend::source_root() + "/graphs/headers");
  auto graph =
      frontend::read_graph(frontend::source_root() + "/graphs/host_udp_ipv4.yaml", *fields);
  return std::move(*graph);
}

TEST(Edges, EveryPortThatLeadsSomewhereHasOneCounterInOrder) {
  const auto graph = lpg();
  const auto table = ir::EdgeTable::of(graph);
  unsigned next = 0;
  for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    bool first = true;
    for (unsigned port = 0; port < graph.node(v).ports.size(); ++port) {
      if (!graph.next(v, port)) {
        EXPECT_FALSE(table.index(v, port));
        continue;
      }
      ASSERT_EQ(table.index(v, port), next);
      EXPECT_EQ(table.counted(v, port), !first) << table.edges[next].name;
      first = false;
      ++next;
    }
  }
  EXPECT_EQ(table.first_entry, next);
  EXPECT_EQ(table.size(), next + ir::entry_count() + 1);
  EXPECT_EQ(table.order.size(), boost::num_vertices(graph.g));
}

TEST(Edges, EntriesAreTheWireAndTheSlots) {
  const auto graph = lpg();
  const auto table = ir::EdgeTable::of(graph);
  const auto begins = [&](unsigned entry) {
    return table.entries[entry] ? graph.node(*table.entries[entry]).id : "";
  };
  EXPECT_EQ(begins(ir::entry_rx), "rx");
  EXPECT_EQ(begins(ir::entry_udp_send), "udp_send");
  const std::map<std::string, std::string> expected = {
      {"rx", "rx"},
      {"udp_send", "udp_send"},
      {"arp_request", "vlan_out"},
      {"arp_resolved", "eth_build"},
      {"ipv4_reassembled", "ipv4_protocol"},
      {"icmp_error", ""},  // these two go on in the packet's own buffer
      {"reply", ""},
      {"igmp_send", "ipv4_route"},
      {"udp_copy", "udp_deliver"},
      {"loopback", "ipv4_whole"},
      {"ipv4_piece", "arp_resolve"},
      {"ipv4_rest", "ipv4_fragment"},
      {"ipv4_expired", "reassembly_exceeded"},
      {"handed_flow", ""},  // residues alone have these
      {"handed_error", ""},
      {"handed_fragment", ""},
      {"tcp_send", ""},  // graphs with TCP have these
      {"tcp_piece", ""},
      {"handed_segment", ""},
      {"handed_kept", ""},
  };
  for (unsigned entry = 0; entry < ir::entry_count(); ++entry) {
    EXPECT_EQ(begins(entry), expected.at(ir::entry_name(entry))) << ir::entry_name(entry);
  }
}

// 100 frames: 3 too short, 7 not for us, 10 ARP requests, 80 datagrams; and 5 that are sent.
TEST(Edges, HotPortsAreWhatDidNotLeaveElsewhere) {
  const auto graph = lpg();
  const auto table = ir::EdgeTable::of(graph);
  std::vector<std::uint64_t> counted(table.size(), 0);
  const auto set = [&](const char* id, const char* port, std::uint64_t value) {
    const auto v = graph.find(id);
    counted.at(*table.index(*v, *graph.port(*v, port))) = value;
  };
  counted[table.entry_counter(ir::entry_rx)] = 100;
  counted[table.entry_counter(ir::entry_udp_send)] = 5;
  counted[table.impossible_counter()] = 2;
  set("eth_ok", "length", 3);
  set("eth_for_us", "other", 7);
  set("eth_type", "arp", 10);
  set("arp_sender", "other", 10);
  const auto counts = table.derive(graph, counted);
  const auto node = [&](const char* id) { return counts.node[*graph.find(id)]; };
  EXPECT_EQ(node("eth_ok"), 100);
  EXPECT_EQ(node("drop_eth_truncated"), 3);
  EXPECT_EQ(node("drop_eth_not_for_us"), 7);
  EXPECT_EQ(node("ipv4_ok"), 80);
  EXPECT_EQ(node("udp_deliver"), 80);
  // Every ARP request is answered in its own buffer: counted at the endpoint and at `tx`.
  EXPECT_EQ(node("arp_answered"), 10);
  EXPECT_EQ(node("tx"), 15);
  EXPECT_EQ(counts.impossible, 2);
}

}  // namespace
}  // namespace weft::test
