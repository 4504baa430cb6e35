// Issue A and B, check 3: the same capture through every model, generated and interpreted, on 1, 2
// and 4 queues, on 1, 2 and 4 cores. The reference is the protocol graph itself, interpreted, on no
// card.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <set>

#include "tests/sim/differential.h"
#include "tests/sim/spread.h"
#include "tests/sim/traffic.h"

namespace weft::sim {
namespace {

const std::vector<std::string> workloads = {"host", "forwarder", "vlan"};

struct Case {
  passes::Inputs inputs;
  std::vector<ports::Frame> capture;
  Result reference;
};

const Case& case_of(const std::string& workload) {
  static std::map<std::string, Case> cases;
  auto [at, fresh] = cases.try_emplace(workload);
  Case& c = at->second;
  if (!fresh) return c;
  start_dpdk();
  c.inputs = inputs("none", workload);
  const int vlan = c.inputs.workload.host.vlan_id == 0 ? -1 : c.inputs.workload.host.vlan_id;
  c.capture = traffic({.packets = nightly() ? 100'000u : 20'000u,
                       .seed = 20221118,
                       .vlan = vlan,
                       .kernel = kernel_frames()});
  const plan::Plan plan = reference_plan(c.inputs);
  c.reference = run(plan, c.inputs, c.capture, {});
  std::size_t out = 0;
  for (const auto& [flow, frames] : c.reference.flows) out += frames.size();
  std::cout << fmt::format(
      "{}: {} frames in, {} out in {} flows, {:.1f} s of simulated time, {:.2f} s\n", workload,
      c.capture.size(), out, c.reference.flows.size(),
      static_cast<double>(c.capture.back().time_ns) / 1e9, c.reference.seconds);
  EXPECT_EQ(c.reference.wrong, "");
  return c;
}

class Differential : public testing::TestWithParam<std::string> {};

TEST_P(Differential, EveryModelDoesTheSame) {
  const std::string workload = GetParam();
  const Case& c = case_of(workload);
  for (const std::string& nic : nics) {
    passes::Inputs in = inputs(nic, workload);
    // Everyday, the other hosts have one plan for each model, and generated code for two of them.
    const bool every = workload == "host" || nightly();
    for (const unsigned queues : {1u, 2u, 4u}) {
      plan::Plan plan = must(passes::compile(in, {.queues = queues, .prove = false}));
      if (plan.configuration.rx_queues != queues) continue;  // the same plan again
      if (queues != 4 && !every && in.nic.rx_queues.max > 16) continue;
      for (const unsigned cores : std::set{1u, std::min(2u, queues), queues}) {
        spread(plan, cores);
        for (const bool generated : {false, true}) {
          if (generated && !every && nic != "intel_82599" && nic != "ideal") continue;
          const std::string name =
              fmt::format("{} {} {}q {}c {}", workload, nic, plan.configuration.rx_queues,
                          plan.cores.size(), generated ? "generated" : "interpreted");
          const Result result = run(plan, in, c.capture, {.generated = generated, .seed = 7});
          EXPECT_EQ(difference(c.reference, result), "") << name;
          std::cout << fmt::format("  {}: {:.2f} s\n", name, result.seconds);
        }
      }
      // A card may say "unknown" whenever it likes.
      const Result doubtful = run(
          plan, in, c.capture, {.policy = emulator::DescriptorPolicy::doubtful(0.3, 5), .seed = 9});
      EXPECT_EQ(difference(c.reference, doubtful), "") << workload << " " << nic << " with doubts";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Workloads, Differential, testing::ValuesIn(workloads),
                         [](const auto& info) { return info.param; });

// Where the workload says how packets are spread: no rules, other hash types, keys made for it.
TEST(Spreading, DoesTheSame) {
  const Case& c = case_of("host");
  ir::Spread symmetric, by;
  symmetric.symmetric = true;
  by.by = {"ipv4.src"};
  for (const std::string nic : {"intel_82599", "intel_xl710", "virtio_rss"}) {
    for (const ir::Spread& spread_by : {symmetric, by}) {
      const bool by_function = nic == "intel_xl710";  // it has a symmetric hash of its own
      if (by_function && !spread_by.symmetric) continue;
      passes::Inputs in = inputs(nic, "host");
      in.workload.spread = spread_by;
      plan::Plan plan = must(passes::compile(in, {.queues = 4, .prove = false}));
      ASSERT_TRUE(plan.configuration.filters.empty());
      EXPECT_EQ(plan.configuration.rss.function == ir::HashFunction::symmetric_toeplitz,
                by_function);
      spread(plan, 2);
      const Result result = run(plan, in, c.capture, {.seed = 7});
      EXPECT_EQ(difference(c.reference, result), "") << nic;
    }
  }
}

// Every port of every node, every end and every entry of the protocol graph: at least 10 packets.
TEST(Coverage, EveryLeafAndReason) {
  std::map<std::string, std::map<std::string, std::uint64_t>> table;
  for (const std::string& workload : workloads) {
    for (const auto& [name, count] : case_of(workload).reference.coverage)
      table[name][workload] += count;
  }
  const ir::Graph& graph = case_of("host").inputs.graph;
  for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    const ir::Node& node = graph.node(v);
    for (const auto& port : node.ports) {
      if (graph.next(v, *graph.port(v, port.name))) table[node.id + "." + port.name];
    }
    if (node.ports.empty()) table[node.id];
  }
  std::cout << fmt::format("{:<44}{:>10}{:>10}{:>10}\n", "packets that took it", "host",
                           "forwarder", "vlan");
  for (const auto& [name, counts] : table) {
    std::uint64_t sum = 0;
    std::string line = fmt::format("{:<44}", name);
    for (const std::string& workload : workloads) {
      const auto at = counts.find(workload);
      const std::uint64_t n = at == counts.end() ? 0 : at->second;
      sum += n;
      line += fmt::format("{:>10}", n);
    }
    std::cout << line << (sum < 10 ? "   TOO FEW\n" : "\n");
    EXPECT_GE(sum, 10u) << name;
  }
}

}  // namespace
}  // namespace weft::sim
