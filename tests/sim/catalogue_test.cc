// The cards of the catalogue beyond those that sim_differential takes through everything: the same
// capture through each of them does the same as no card at all. Everyday a short capture,
// interpreted, on four queues; nightly a long one, generated too.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "compiler/frontend/places.h"
#include "tests/sim/differential.h"
#include "tests/sim/spread.h"
#include "tests/sim/traffic.h"

namespace weft::sim {
namespace {

std::vector<std::string> others() {
  std::vector<std::string> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(frontend::source_root() + "/nicmodels")) {
    if (entry.path().extension() != ".yaml") continue;
    const std::string name = entry.path().stem().string();
    if (std::find(nics.begin(), nics.end(), name) == nics.end()) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(Catalogue, EveryCardDoesTheSame) {
  start_dpdk();
  const passes::Inputs none = inputs("none", "host");
  const auto capture =
      traffic({.packets = nightly() ? 50'000u : 3'000u, .seed = 20261127, .vlan = -1});
  const Result expected = run(reference_plan(none), none, capture, {});
  ASSERT_EQ(expected.wrong, "");
  ASSERT_GE(others().size(), 18U);
  for (const std::string& nic : others()) {
    const passes::Inputs in = inputs(nic, "host");
    plan::Plan plan = must(passes::compile(in, {.queues = 4, .prove = false}));
    spread(plan, std::min(2u, plan.configuration.rx_queues));
    for (const bool generated : {false, true}) {
      if (generated && !nightly()) continue;
      const Result result = run(plan, in, capture, {.generated = generated, .seed = 11});
      EXPECT_EQ(difference(expected, result), "") << nic;
      std::cout << fmt::format("  {:<20} {} queues, {} rules, {:.2f} s\n", nic,
                               plan.configuration.rx_queues, plan.configuration.filters.size(),
                               result.seconds);
    }
  }
}

}  // namespace
}  // namespace weft::sim
