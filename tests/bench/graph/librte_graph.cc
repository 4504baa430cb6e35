// UDP echo as a DPDK graph: source, IPv4, UDP and flow lookup, reply, transmit; and drop.
#include <rte_graph.h>
#include <rte_graph_worker.h>

#include "tests/bench/graph/contender.h"
#include "tests/bench/graph/steps.h"

namespace weft::bench {
namespace {

// Nodes are functions without an instance of ours: what they work on stands here.
struct World {
  Core* core = nullptr;
  rte_ring* in = nullptr;
  rte_ring* out = nullptr;
  bool empty = false;
} world;

enum : rte_edge_t { next_ok = 0, next_drop = 1 };

// Applies `step` to all packets; when all pass, the whole stream moves on at no cost for each.
template <class Step>
std::uint16_t each(rte_graph* graph, rte_node* node, void** objs, std::uint16_t n, Step&& step) {
  bool passed[RTE_GRAPH_BURST_SIZE];
  std::uint16_t good = 0;
  for (std::uint16_t i = 0; i < n; ++i) {
    auto* m = static_cast<rte_mbuf*>(objs[i]);
    passed[i] = step(m, frame(m));
    good = static_cast<std::uint16_t>(good + passed[i]);
  }
  if (good == n) {
    rte_node_next_stream_move(graph, node, next_ok);
    return n;
  }
  for (std::uint16_t i = 0; i < n; ++i) {
    rte_node_enqueue_x1(graph, node, passed[i] ? next_ok : next_drop, objs[i]);
  }
  return n;
}

std::uint16_t source(rte_graph* graph, rte_node* node, void**, std::uint16_t) {
  const unsigned n = rte_ring_sc_dequeue_burst(world.in, node->objs, batch_size, nullptr);
  world.empty = n == 0;
  if (n == 0) return 0;
  node->idx = static_cast<std::uint16_t>(n);
  rte_node_next_stream_move(graph, node, next_ok);
  return static_cast<std::uint16_t>(n);
}
std::uint16_t ipv4(rte_graph* graph, rte_node* node, void** objs, std::uint16_t n) {
  return each(graph, node, objs, n, [](rte_mbuf* m, const std::uint8_t* f) {
    return ethernet_ok(*world.core, m, f) && ipv4_ok(*world.core, m, f);
  });
}
std::uint16_t udp(rte_graph* graph, rte_node* node, void** objs, std::uint16_t n) {
  return each(graph, node, objs, n, [](rte_mbuf*, const std::uint8_t* f) {
    return udp_ok(f) && world.core->udp_flows.find(flow_key(f)) >= 0;
  });
}
std::uint16_t answer(rte_graph* graph, rte_node* node, void** objs, std::uint16_t n) {
  return each(graph, node, objs, n, [](rte_mbuf* m, std::uint8_t* f) {
    return reply(*world.core, f) && forward(*world.core, m, f);
  });
}
std::uint16_t transmit(rte_graph*, rte_node*, void** objs, std::uint16_t n) {
  rte_ring_sp_enqueue_bulk(world.out, objs, n, nullptr);
  return n;
}
std::uint16_t drop(rte_graph*, rte_node*, void** objs, std::uint16_t n) {
  rte_pktmbuf_free_bulk(reinterpret_cast<rte_mbuf**>(objs), n);
  return n;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
rte_node_register source_node = {.name = "weft_source",
                                 .flags = RTE_NODE_SOURCE_F,
                                 .process = source,
                                 .nb_edges = 1,
                                 .next_nodes = {"weft_ipv4"}};
rte_node_register ipv4_node = {
    .name = "weft_ipv4", .process = ipv4, .nb_edges = 2, .next_nodes = {"weft_udp", "weft_drop"}};
rte_node_register udp_node = {
    .name = "weft_udp", .process = udp, .nb_edges = 2, .next_nodes = {"weft_answer", "weft_drop"}};
rte_node_register answer_node = {.name = "weft_answer",
                                 .process = answer,
                                 .nb_edges = 2,
                                 .next_nodes = {"weft_tx", "weft_drop"}};
rte_node_register tx_node = {.name = "weft_tx", .process = transmit, .nb_edges = 0};
rte_node_register drop_node = {.name = "weft_drop", .process = drop, .nb_edges = 0};
#pragma GCC diagnostic pop
RTE_NODE_REGISTER(source_node);
RTE_NODE_REGISTER(ipv4_node);
RTE_NODE_REGISTER(udp_node);
RTE_NODE_REGISTER(answer_node);
RTE_NODE_REGISTER(tx_node);
RTE_NODE_REGISTER(drop_node);

class LibrteGraph final : public Contender {
 public:
  LibrteGraph() {
    const char* patterns[] = {"weft_*"};
    rte_graph_param parameters{
        .socket_id = SOCKET_ID_ANY, .nb_node_patterns = 1, .node_patterns = patterns};
    id_ = rte_graph_create("weft_bench", &parameters);
    if (id_ != RTE_GRAPH_ID_INVALID) graph_ = rte_graph_lookup("weft_bench");
  }
  ~LibrteGraph() override {
    if (graph_ != nullptr) rte_graph_destroy(id_);
  }
  bool ready() const { return graph_ != nullptr; }
  bool batch(rte_ring*, rte_ring*) override {
    rte_graph_walk(graph_);
    return !world.empty;
  }

 private:
  rte_graph_t id_ = RTE_GRAPH_ID_INVALID;
  rte_graph* graph_ = nullptr;
};

}  // namespace

std::unique_ptr<Contender> librte_graph(Core& core, rte_ring* in, rte_ring* out) {
  world = {&core, in, out, false};
  auto made = std::make_unique<LibrteGraph>();
  if (!made->ready()) return nullptr;
  return made;
}

}  // namespace weft::bench
