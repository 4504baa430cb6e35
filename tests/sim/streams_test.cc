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
#include "compiler/frontend/readers.h"
#include "stack-nodes/tcp/machine/stack.h"
#include "tests/sim/harness.h"
#include "tests/sim/spread.h"
#include "tests/sim/tcp_wire.h"

namespace weft::sim {
namespace {

passes::Inputs tcp_inputs(const std::string& nic) {
  const std::string root = frontend::source_root();
  passes::Inputs in = inputs(nic, "streams");
  in.graph = must(frontend::read_graph(root + "/graphs/host_ipv4.yaml", in.fields));
  return in;
}

std::vector<std::string> all_cards() {
  std::vector<std::string> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(frontend::source_root() + "/nicmodels"))
    if (entry.path().extension() == ".yaml") out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

// A stack with the peer of TcpWire at the end of its wire.
class Scene {
 public:
  Scene(const plan::Plan& plan, const passes::Inputs& in, bool generated,
        const TcpWireOptions& options)
      : clock_(time_), pools_(must(engine::Pools::make("streams", engine::sizes_for(plan)))) {
    wire_ = std::make_unique<TcpWire>(pools_->frames, time_, options);
    card_ = must(emulator::EmulatedCard::make(in.nic, in.fields, *wire_,
                                              {.policy = {}, .wait_for_room = true}));
    rules_ = must(ports::apply(plan, &in.nic, card_->control()));
    if (generated) code_ = must(code_of(plan, in));
    const auto apps = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../../apps";
    const std::vector<apps::Library> libraries(plan.endpoints.size(),
                                               must(apps::load_app("tcp_echo", {apps.string()})));
    engine_ = must(engine::Engine::make(
        plan, in.fields, *card_, *pools_, clock_, libraries,
        {.name = "streams", .generated = code_ ? &*code_ : nullptr, .seed = options.seed}));
  }

  // "": as it has to be.
  std::string run() {
    constexpr std::uint64_t limit_ns = 600'000'000'000;
    while (wire_->wrong().empty() && !(wire_->done() && live() == 0)) {
      while (engine_->poll_all() != 0 || wire_->work()) {
      }
      time_.now_ns = std::max(time_.now_ns, std::min(wire_->next_ns(), engine_->next_tick_ns()));
      if (time_.now_ns > limit_ns) return "it does not come to an end";
    }
    if (!wire_->wrong().empty()) return wire_->wrong();
    engine_->stop();
    if (const auto n = wire_->wrong_checksums(); n != 0) return fmt::format("{} wrong sums", n);
    const auto snapshot = observe::take(*engine_,
                                        {.plan_name = "streams",
                                         .engine = code_ ? "generated" : "interpreted",
                                         .clock = &clock_,
                                         .wire = wire_.get(),
                                         .card = &card_->control()},
                                        false);
    if (const auto balance = observe::balance(snapshot); !balance.exact()) return balance.text();
    ports::withdraw(rules_, card_->control());
    if (const unsigned n = pools_->in_use(); n != 0) return fmt::format("{} buffers in use", n);
    return {};
  }
  // The queues that had connections.
  unsigned queues_used() const {
    unsigned used = 0;
    for (const auto& core : engine_->cores())
      for (const auto& shard : core->shards)
        used += shard->core.tcp->counters().opened_passive != 0;
    return used;
  }
  double seconds() const { return static_cast<double>(time_.now_ns) * 1e-9; }
  std::uint64_t bytes() const { return wire_->bytes(); }
  std::uint64_t lost() const { return wire_->lost(); }

 private:
  std::uint32_t live() const {
    std::uint32_t n = 0;
    for (const auto& core : engine_->cores())
      for (const auto& shard : core->shards) n += shard->core.tcp->live_connections();
    return n;
  }

  ports::VirtualClock time_;
  engine::Clock clock_;
  std::unique_ptr<engine::Pools> pools_;
  std::unique_ptr<TcpWire> wire_;
  std::unique_ptr<emulator::EmulatedCard> card_;
  ports::AppliedRules rules_;
  std::optional<engine::GeneratedObject> code_;
  std::unique_ptr<engine::Engine> engine_;
};

void check(const plan::Plan& plan, const passes::Inputs& in, bool generated,
           const std::string& nic) {
  const auto begin = std::chrono::steady_clock::now();
  const auto queues = plan.configuration.rx_queues;
  Scene scene(plan, in, generated, {.seed = 20261128, .connections = nightly() ? 64u : 24u});
  const std::string what = fmt::format("{} {}q {}c {}", nic, queues, plan.cores.size(),
                                       generated ? "generated" : "interpreted");
  EXPECT_EQ(scene.run(), "") << what;
  EXPECT_GT(scene.lost(), 10u) << what;
  const bool spreads = !plan.configuration.rss.key.empty();
  if (spreads) {
    EXPECT_EQ(scene.queues_used(), queues) << what;
  }
  std::cout << fmt::format(
      "  {:<36} {:>9} bytes, {} frames lost, in {:.3f} s of its time, {:.2f} of ours\n", what,
      scene.bytes(), scene.lost(), scene.seconds(),
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

TEST(Streams, AreTheSameOnEveryCard) {
  start_dpdk();
  const std::vector<std::string> everyday = {"intel_82599", "mellanox_connectx5", "tap",
                                             "virtio_rss"};
  if (!nightly())
    std::cout << "LEFT OUT: other cards, queues, cores and generated code (WEFT_NIGHTLY=1)\n";
  for (const std::string& nic : nightly() ? all_cards() : everyday) {
    const passes::Inputs in = tcp_inputs(nic);
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
