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
    EXPECT_EQ(scene.queues_used(), queues) << what;
  }
  std::cout << fmt::format(
      "  {:<36} {:>9} bytes, {} frames lost, in {:.3f} s of its time, {:.2f} of ours\n", what,
      wire->bytes(), wire->lost(), static_cast<double>(scene.time().now_ns) * 1e-9,
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

TEST(Streams, AreTheSameOnEveryCard) {
  start_dpdk();
  const std::vector<std::string> everyday = {"intel_82599", "mellanox_connectx5", "tap",
                                             "virtio_rss"};
  if (!nightly())
    std::cout << "LEFT OUT: other cards, queues, cores and generated code (WEFT_NIGHTLY=1)\n";
  for (const std::string& nic : nightly() ? all_cards() : everyday) {
    const passes::Inputs in = tcp_inputs(nic, "streams");
    for (const unsigned queues : nightly() ? std::set{1u, 2u, 3u, 4u} : std::set{4u}) {
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

}  // namespace
}  // namespace weft::sim
