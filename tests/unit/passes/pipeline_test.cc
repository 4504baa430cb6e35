// Every card of the catalogue gets a proved plan, and the plans differ as the cards do.
#include "compiler/passes/pipeline.h"

#include <chrono>
#include <iostream>

#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

TEST(Pipeline, ProvesEveryCard) {
  for (const auto& nic : nics) {
    for (const char* workload : {"quickstart", "echo"}) {
      const Inputs in = inputs(nic, workload);
      const auto begin = std::chrono::steady_clock::now();
      const auto plan = compile(in, {});
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      ASSERT_TRUE(plan) << nic << " " << workload << "\n" << diag::render(plan.error(), false);
      EXPECT_EQ(plan->proof.status, "proved");
      std::cerr << nic << " " << workload << ": " << took.count() << " s, " << plan->proof.leaves
                << " leaves, " << plan->proof.queries << " queries\n";
    }
  }
}

}  // namespace
}  // namespace weft::passes::testing
