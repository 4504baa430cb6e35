// `verify` takes under 2 s up to 500 flows, for every model: of processor time, for machines are
// shared (a proof is one thread that never waits).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>
#include <iostream>

#include "tests/sim/harness.h"

namespace weft::sim {
namespace {

constexpr double allowed_seconds = 2;

// `flows` flows from many hosts to two endpoints, on 10 queues.
passes::Inputs many(const std::string& nic, unsigned flows) {
  passes::Inputs in = inputs(nic, "host");
  in.workload.queues = 10;
  in.workload.flows.clear();
  for (unsigned i = 0; i < flows; ++i)
    in.workload.flows.push_back({.src = 0x0a070010 + i % 50,
                                 .src_port = static_cast<std::uint16_t>(20000 + i),
                                 .dst_port = static_cast<std::uint16_t>(i % 3 == 0 ? 9 : 7),
                                 .endpoint = i % 3 == 0 ? 1u : 0u,
                                 .rate = 1.0 + i % 7,
                                 .span = {}});
  return in;
}

TEST(VerifyTime, FiveHundredFlows) {
  std::cout << "seconds to verify; plans of 10 queues where the card has them\n";
  for (const std::string& nic : nics) {
    for (const unsigned flows : {0u, 50u, 500u}) {
      const passes::Inputs in = many(nic, flows);
      const plan::Plan plan = must(passes::compile(in, {.prove = false}));
      const std::clock_t begin = std::clock();
      const passes::Verdict verdict = must(passes::verify_plan(plan, in));
      const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
      EXPECT_TRUE(verdict.proved) << nic << " " << flows
                                  << (verdict.counterexample ? verdict.counterexample->why : "");
      EXPECT_LT(took, allowed_seconds) << nic << " " << flows;
      std::cout << fmt::format(
          "  {:<12} {:>4} flows on {:>2} queues: {:.2f} s, {} leaves, {} queries\n", nic, flows,
          plan.configuration.rx_queues, took, verdict.proof.leaves, verdict.proof.queries);
    }
  }
}

}  // namespace
}  // namespace weft::sim
