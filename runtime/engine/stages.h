// Where a shard's time goes: one batch in 64 is timed between its stages, by the CPU's time stamp
// counter. All other batches pay one test for each stage.
#pragma once

#include <rte_cycles.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace weft::engine {

enum class Stage : std::uint8_t {
  receive,      // the residue, from the wire's entry
  application,  // applications, told of datagrams
  send,         // the residue, from udp_send
  other,        // the residue, from any other slot
  transmit,     // frames to the card
  handed,       // the residue, from where another core has left off
  count
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Stage::count)> stage_names =
    {"receive", "application", "send", "other", "transmit", "handed"};

struct StageTime {
  std::uint64_t packets = 0;  // that went through in batches that were timed
  std::uint64_t cycles = 0;   // of the time stamp counter
};
using StageTimes = std::array<StageTime, static_cast<std::size_t>(Stage::count)>;

class StageClock {
 public:
  // One batch in how many is timed.
  unsigned one_in() const { return one_in_; }
  void time_all() { one_in_ = 1; }

  void begin_batch() {
    timing_ = ++batches_ % one_in_ == 0;
    if (timing_) last_ = rte_rdtsc();
  }
  // What has gone by since the last call belongs to `stage`.
  void end(Stage stage, unsigned packets) {
    if (!timing_) [[likely]]
      return;
    const std::uint64_t now = rte_rdtsc();
    StageTime& time = times_[static_cast<std::size_t>(stage)];
    time.packets += packets;
    time.cycles += now - last_;
    last_ = now;
  }
  void end_batch() { timing_ = false; }
  const StageTimes& times() const { return times_; }

 private:
  StageTimes times_{};
  unsigned one_in_ = 64;
  std::uint64_t batches_ = 0;
  std::uint64_t last_ = 0;
  bool timing_ = false;
};

}  // namespace weft::engine
