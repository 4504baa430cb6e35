// The cards of the catalogue beyond those that sim_differential takes through everything: the same
// capture through each of them does the same as no card at all. Everyday a short capture,
// interpreted, on four queues; nightly all of it: 100,000 packets, 1, 2 and 4 queues, 1 and 2
// cores, generated too.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>

#include "compiler/frontend/places.h"
#include "compiler/passes/steer.h"
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

// Does the hash look at the id of a fragment? Then pieces from one sender come by several queues.
bool spreads_by_id(const ir::NicModel& nic) {
  const ir::Node* rss = passes::rss_node(nic);
  if (rss == nullptr) return false;
  const auto& types = rss->config.rss->types;
  return std::any_of(types.begin(), types.end(), [](const ir::RssType& type) {
    return std::find(type.input.begin(), type.input.end(), "ipv4.id") != type.input.end();
  });
}

// A capture, and what becomes of it without a card.
struct Expected {
  std::vector<ports::Frame> capture;
  Result result;

  Expected(const passes::Inputs& none, bool whole_at_once)
      : capture(traffic({.packets = nightly() ? 100'000u : 3'000u,
                         .seed = 20261127,
                         .vlan = -1,
                         .whole_at_once = whole_at_once})),
        result(run(reference_plan(none), none, capture, {})) {
    EXPECT_EQ(result.wrong, "");
  }
};

TEST(Catalogue, EveryCardDoesTheSame) {
  start_dpdk();
  const passes::Inputs none = inputs("none", "host");
  const Expected at_once(none, true), one_by_one(none, false);
  ASSERT_GE(others().size(), 18U);
  const char* only = std::getenv("WEFT_CARD");  // to look at one
  for (const std::string& nic : others()) {
    if (only != nullptr && nic != only) continue;
    const passes::Inputs in = inputs(nic, "host");
    const auto& [capture, expected] = spreads_by_id(in.nic) ? one_by_one : at_once;
    for (const unsigned queues : nightly() ? std::set{1u, 2u, 4u} : std::set{4u}) {
      plan::Plan plan = must(passes::compile(in, {.queues = queues, .prove = false}));
      const unsigned has = plan.configuration.rx_queues;
      if (nightly() && has != queues) continue;  // the same plan again
      const unsigned most = std::min(2u, has);
      for (const unsigned cores : nightly() ? std::set{1u, most} : std::set{most}) {
        spread(plan, cores);
        for (const bool generated : nightly() ? std::set{false, true} : std::set{false}) {
          const Result result = run(plan, in, capture, {.generated = generated, .seed = 11});
          EXPECT_EQ(difference(expected, result), "") << nic << " " << has << "q " << cores << "c";
          std::cout << fmt::format("  {:<20} {}q {}c {}, {} rules, {:.2f} s\n", nic, has, cores,
                                   generated ? "generated" : "interpreted",
                                   plan.configuration.filters.size(), result.seconds);
        }
      }
    }
  }
}

}  // namespace
}  // namespace weft::sim
