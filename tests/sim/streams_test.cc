// Streams through every card of the catalogue: echo and discard of examples/02_tcp_echo, on a wire
// that loses, doubles and delays frames; each byte as it was sent, every packet accounted for, and
// nothing left behind. Everyday some cards, interpreted; nightly all of them on 1 to 4 queues and 1
// and 2 cores, generated too.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <set>

#include "compiler/frontend/places.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"
#include "tests/sim/spread.h"
#include "tests/sim/tcp_scene.h"
#include "tests/sim/tcp_wire.h"

namespace weft::sim {
namespace {

std::vector<std::string> all_cards() {
  std::vector<std::string> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(frontend::source_root() + "/nicmodels"))
    if (entry.path().extension() == ".yaml") out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

apps::Library echo_app() {
  const auto apps = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../../apps";
  return must(apps::load_app("tcp_echo", {apps.string()}));
}

// Where segments come: to all queues, or where rules bring all of them.
unsigned queues_of_segments(const plan::Plan& plan) {
  const auto& rules = plan.configuration.filters;
  const bool all = std::any_of(rules.begin(), rules.end(), [](const plan::Filter& f) {
    return plan::about_segments(f) && plan::about_whole_type(f);
  });
  std::set<unsigned> out;
  for (const plan::Filter& f : rules)
    if (plan::about_segments(f))
      for (const unsigned q : plan::queues_of(f)) out.insert(q);
  return all ? static_cast<unsigned>(out.size()) : plan.configuration.rx_queues;
}

void check(const plan::Plan& plan, const passes::Inputs& in, bool generated,
           const std::string& nic) {
  const auto begin = std::chrono::steady_clock::now();
  constexpr std::uint64_t seed = 20261128, limit_ns = 600'000'000'000;
  const auto queues = plan.configuration.rx_queues;
  const std::string what = fmt::format("{} {}q {}c {}", nic, queues, plan.cores.size(),
                                       generated ? "generated" : "interpreted");
  TcpWire* wire = nullptr;
  TcpScene scene(plan, in, echo_app(),
                 [&wire](rte_mempool* pool, const ports::VirtualClock& clock) {
                   auto made = std::make_unique<TcpWire>(
                       pool, clock,
                       TcpWireOptions{.seed = seed, .connections = nightly() ? 64u : 24u});
                   wire = made.get();
                   return made;
                 },
                 {.generated = generated, .seed = seed});
  const auto over = [&] { return !wire->wrong().empty() || (wire->done() && scene.live() == 0); };
  EXPECT_TRUE(scene.run(over, limit_ns)) << what << ": it does not come to an end";
  EXPECT_EQ(wire->wrong(), "") << what;
  EXPECT_EQ(scene.stop(), "") << what;
  EXPECT_EQ(wire->wrong_checksums(), 0u) << what;
  EXPECT_GT(wire->lost(), 10u) << what;
  const bool spreads = !plan.configuration.rss.key.empty();
  if (spreads) {
    EXPECT_EQ(scene.queues_used(), queues_of_segments(plan)) << what;
  }
  if (in.workload.policy == ir::Policy::gold) {
    const auto& gold = plan.chosen.zones.at(1).queues;
    ASSERT_EQ(gold.size(), in.workload.gold_queues) << what;
    std::uint64_t there = 0;
    for (const unsigned q : gold) {
      EXPECT_GT(scene.opened().at(q), 0u) << what << ", queue " << q;
      there += scene.opened().at(q);
    }
    EXPECT_EQ(there, wire->opened(9)) << what << ": gold, and nobody else";
  }
  std::cout << fmt::format(
      "  {:<36} {:>9} bytes, {} frames lost, in {:.3f} s of its time, {:.2f} of ours\n", what,
      wire->bytes(), wire->lost(), static_cast<double>(scene.time().now_ns) * 1e-9,
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

// Everyday on 4 queues of some cards.
void on_cards(const std::string& workload, const std::vector<std::string>& everyday,
              const std::vector<std::string>& at_night, unsigned gold_queues = 1) {
  start_dpdk();
  if (!nightly())
    std::cout << "LEFT OUT: other cards, queues, cores and generated code (WEFT_NIGHTLY=1)\n";
  for (const std::string& nic : nightly() ? at_night : everyday) {
    passes::Inputs in = tcp_inputs(nic, workload);
    // (Solarflare's rules name an address, and those of I225 and I350 none.)
    if (nic.starts_with("solarflare")) in.workload.endpoints[1].address = in.workload.host.address;
    in.workload.gold_queues = gold_queues;
    const unsigned least = in.workload.policy == ir::Policy::gold ? 1 + gold_queues : 1;
    for (unsigned queues = nightly() ? least : 4; queues <= 4; ++queues) {
      plan::Plan plan =
          must(passes::compile(in, {.queues = queues, .prove = false, .certify = false}));
      const unsigned has = plan.configuration.rx_queues;
      if (nightly() && has != queues) continue;  // the same plan again
      const unsigned most = std::min(2u, has);
      for (const unsigned cores : nightly() ? std::set{1u, most} : std::set{most}) {
        spread(plan, cores);
        for (const bool generated : nightly() ? std::set{false, true} : std::set{false})
          check(plan, in, generated, nic);
      }
    }
  }
}

TEST(Streams, AreTheSameOnEveryCard) {
  on_cards("streams", {"intel_82599", "mellanox_connectx5", "tap", "virtio_rss"}, all_cards());
}

TEST(Streams, OfAGoldEndpointHaveTheirQueue) {
  on_cards("gold_streams", {"intel_82599"},
           {"ideal", "intel_82599", "intel_e810", "intel_i225", "intel_i350", "intel_x550",
            "intel_xl710", "mellanox_connectx5", "solarflare_sfn5122f", "solarflare_x2"});
}

// By one rule whose group they are spread over, where the card has groups.
TEST(Streams, OfAGoldEndpointHaveTheirQueues) {
  on_cards("gold_streams", {"mellanox_connectx5"}, {"ideal", "intel_82599", "mellanox_connectx5"},
           2);
}

// By a queue region for all of TCP, where rules cannot name several queues: those to the other
// endpoint have a rule in front of it.
TEST(Streams, OfAGoldEndpointHaveARegion) {
  start_dpdk();
  passes::Inputs in = tcp_inputs("intel_xl710", "gold_streams");
  in.workload.gold_queues = 2;
  plan::Plan plan = must(passes::compile(in, {.prove = nightly(), .certify = false}));
  const auto& rules = plan.configuration.filters;
  ASSERT_TRUE(std::any_of(rules.begin(), rules.end(), plan::about_whole_type));
  spread(plan, 2);
  check(plan, in, false, "intel_xl710");
  if (nightly()) check(plan, in, true, "intel_xl710");
}

}  // namespace
}  // namespace weft::sim
