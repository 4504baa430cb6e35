// Time for the stack, in nanoseconds: of this machine, or simulated.
#pragma once

#include <rte_cycles.h>

#include <cstdint>

#include "runtime/ports/sim_wire.h"

namespace weft::engine {

class Clock {
 public:
  // The machine's, counted from now on.
  Clock() : start_(rte_rdtsc()), per_tick_(1e9 / static_cast<double>(rte_get_tsc_hz())) {}
  // Whatever `clock` says; it must outlive this.
  explicit Clock(const ports::VirtualClock& clock) : simulated_(&clock) {}

  std::uint64_t now_ns() const {
    if (simulated_ != nullptr) return simulated_->now_ns;
    return static_cast<std::uint64_t>(static_cast<double>(rte_rdtsc() - start_) * per_tick_);
  }
  bool simulated() const { return simulated_ != nullptr; }

 private:
  const ports::VirtualClock* simulated_ = nullptr;
  std::uint64_t start_ = 0;
  double per_tick_ = 1;
};

}  // namespace weft::engine
