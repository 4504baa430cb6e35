// Issue A, check 5: `verify` takes under 2 s up to 500 flows, for every model and graph. Machines
// are shared: the times are printed, and only what is far beyond is a failure.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

#include "tests/sim/harness.h"

namespace weft::sim {
namespace {

constexpr double allowed_seconds = 10;

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
      const auto begin = std::chrono::steady_clock::now();
      const passes::Verdict verdict = must(passes::verify_plan(plan, in));
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      EXPECT_TRUE(verdict.proved) << nic << " " << flows
                                  << (verdict.counterexample ? verdict.counterexample->why : "");
      EXPECT_LT(took.count(), allowed_seconds) << nic << " " << flows;
      std::cout << fmt::format(
          "  {:<12} {:>4} flows on {:>2} queues: {:.2f} s{}, {} leaves, {} queries\n", nic, flows,
          plan.configuration.rx_queues, took.count(), took.count() > 2 ? " (more than 2 s)" : "",
          verdict.proof.leaves, verdict.proof.queries);
    }
  }
}

}  // namespace
}  // namespace weft::sim
