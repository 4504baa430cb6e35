// Frames through a whole stack (interpreted, on a card with filters): nothing is lost that is not
// counted, and every buffer comes back.
//
// Input: for each frame two bytes of length, one of time that passes before it, then its bytes.
#include <fmt/format.h>

#include "runtime/apps/app_host.h"
#include "runtime/engine/engine.h"
#include "runtime/observe/balance.h"
#include "runtime/observe/snapshot.h"
#include "runtime/ports/translate.h"
#include "tests/fuzz/fuzz_wire.h"
#include "tests/fuzz/input.h"
#include "tests/sim/echo.h"
#include "tests/sim/harness.h"

using namespace weft;

namespace {

class Bench {
 public:
  Bench() : inputs_(sim::inputs("intel_82599", "forwarder")) {
    fuzz::start_dpdk();
    plan_ = sim::must(passes::compile(inputs_, {.queues = 2, .prove = false}));
    pools_ = sim::must(engine::Pools::make("fuzz_stack", engine::sizes_for(plan_)));
    card_ = sim::must(
        emulator::EmulatedCard::make(inputs_.nic, inputs_.fields, wire_, {.ring_size = 64}));
    rules_ = sim::must(ports::apply(plan_, &inputs_.nic, card_->control()));
    const std::vector<apps::Library> libraries(
        plan_.endpoints.size(), {.path = "", .app = &sim::echo_app, .handle = nullptr});
    engine_ = sim::must(engine::Engine::make(plan_, inputs_.fields, *card_, *pools_, clock_,
                                             libraries, {.name = "fuzz_engine"}));
  }

  void run(fuzz::Input& in) {
    while (!in.empty()) {
      const std::size_t length = in.word() & 0x07ff;
      const std::uint8_t pause = in.byte();
      if (pause > 200) pass((pause - 200) * 100'000'000ull);
      wire_.in.push_back(in.piece(length));
      if (pause % 4 != 0) poll();
    }
    poll();
    // The longest that anything is held: fragments, 60 s at most; then nothing may be left.
    pass(200'000'000'000);
    if (pools_->in_use() != 0) fuzz::found(fmt::format("{} buffers lost", pools_->in_use()));
    const auto balance = observe::balance(observe::take(*engine_,
                                                        {.plan_name = "fuzz",
                                                         .engine = "interpreted",
                                                         .clock = &clock_,
                                                         .wire = &wire_,
                                                         .card = &card_->control()},
                                                        false));
    if (!balance.exact()) fuzz::found(balance.text());
  }

 private:
  void poll() {
    while (engine_->poll_all() != 0) {
    }
  }
  void pass(std::uint64_t ns) {
    for (const std::uint64_t end = time_.now_ns + ns; time_.now_ns < end;) {
      time_.now_ns = std::min(end, std::max(time_.now_ns + ns / 8, engine_->next_tick_ns()));
      poll();
    }
  }

  passes::Inputs inputs_;
  plan::Plan plan_;
  ports::VirtualClock time_;
  engine::Clock clock_{time_};
  fuzz::FuzzWire wire_;
  std::unique_ptr<engine::Pools> pools_;
  std::unique_ptr<emulator::EmulatedCard> card_;
  ports::AppliedRules rules_;
  std::unique_ptr<engine::Engine> engine_;
};

Bench* bench = nullptr;

}  // namespace

// (Compiling the plan is no part of the first input's time.)
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  bench = new Bench;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  bench->run(in);
  return 0;
}
