// Issue B, check 4: malformed packets through whole stacks, built with the address and the
// undefined-behaviour sanitizer (build/sanitize). No crash, every packet counted by reason, every
// buffer back in its pool, and a host that is well is served afterwards.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/sim/compare.h"
#include "tests/sim/harness.h"
#include "tests/sim/malformed.h"
#include "tests/sim/spread.h"

namespace weft::sim {
namespace {

// Mutations, over all cases. WEFT_MUTATIONS sets another number.
unsigned mutations() {
  if (const char* set = std::getenv("WEFT_MUTATIONS"))
    return static_cast<unsigned>(std::strtoul(set, nullptr, 10));
  return 1'000'000;
}

struct Case {
  std::string nic, workload;
  unsigned queues, cores;
  bool generated;
};

// Every model, interpreted and generated; hosts, queues and cores take turns.
std::vector<Case> cases() {
  const std::string workloads[] = {"host", "forwarder", "vlan"};
  std::vector<Case> all;
  unsigned turn = 0;
  for (const std::string& nic : nics) {
    const std::string& workload = workloads[turn % 3];
    const unsigned queues = nic == "none" ? 1 : turn % 2 == 0 ? 4 : 2;
    for (const bool generated : {false, true})
      all.push_back({nic, workload, queues, turn % 2 + 1, generated});
    ++turn;
  }
  return all;
}

struct Seen {
  Ends ends;
  std::size_t sent = 0;
};

Seen run(const Case& c, const Malformed& frames) {
  const passes::Inputs in = inputs(c.nic, c.workload);
  plan::Plan plan = must(passes::compile(in, {.queues = c.queues, .prove = false}));
  spread(plan, std::min(c.cores, plan.configuration.rx_queues));
  auto stack =
      must(Stack::make(plan, in, frames.frames,
                       {.generated = c.generated, .seed = 3, .one_by_one = true, .guarded = true}));
  // Neighbours that do not answer are given up after 3 s, fragments after 30 s.
  stack->run(40'000'000'000);
  for (const auto& frame : stack->out())
    EXPECT_EQ(wrong_in(frame.bytes, plan.host), "") << hex(frame.bytes);
  EXPECT_EQ(answers_to_probe(stack->out(), frames.probe_ns), "arp echo datagram");
  const observe::Snapshot snapshot = stack->stop();
  EXPECT_EQ(snapshot.wire.received, frames.frames.size());
  const auto balance = observe::balance(snapshot);
  EXPECT_TRUE(balance.exact()) << balance.text();
  EXPECT_EQ(stack->buffers_in_use(), 0u);
  return {stack->ends(), stack->out().size()};
}

TEST(Malformed, CountedByReasonAndNothingLost) {
  start_dpdk();
  const auto all = cases();
  const unsigned each = mutations() / static_cast<unsigned>(all.size());
  std::map<std::string, std::uint64_t> reasons;
  std::uint64_t frames_in = 0;
  Seen interpreted;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Case& c = all[i];
    SCOPED_TRACE(fmt::format("{} {} {} queues {} cores {}", c.nic, c.workload, c.queues, c.cores,
                             c.generated ? "generated" : "interpreted"));
    // Both engines get the same frames.
    const Malformed frames =
        malformed({.mutations = each, .seed = 100 + i / 2, .vlan = c.workload == "vlan" ? 5 : -1});
    frames_in += frames.frames.size();
    const Seen seen = run(c, frames);
    for (const auto& [end, count] : seen.ends) reasons[end] += count;
    if (!c.generated) {
      interpreted = seen;
    } else {
      EXPECT_EQ(seen.ends, interpreted.ends);
      EXPECT_EQ(seen.sent, interpreted.sent);
    }
  }
  std::cout << fmt::format("{} frames, {} of them mutations, ended at\n", frames_in, mutations());
  for (const auto& [end, count] : reasons) std::cout << fmt::format("  {:<36}{:>9}\n", end, count);

  // Each of the graph's drop reasons was among them.
  const ir::Graph graph = inputs("none", "host").graph;
  for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    if (graph.node(v).kind == ir::NodeKind::drop)
      EXPECT_NE(reasons.find(graph.node(v).id), reasons.end()) << graph.node(v).id;
  }
}

}  // namespace
}  // namespace weft::sim
