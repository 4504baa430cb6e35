// Timers of the applications of one net core. A timer is a number that is never used twice.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "stack-nodes/table/timer_wheel.h"

namespace weft::apps {

class AppTimers {
 public:
  static constexpr std::uint32_t most = 65536;
  static constexpr unsigned tick_shift = 18;  // 0.26 ms: they expire by so much late, never early

  struct Timer {
    std::uint64_t number;
    std::uint64_t cookie;
    std::uint64_t due_ns;
    std::uint32_t endpoint;
  };

  // 0: there are too many.
  std::uint64_t set(std::uint32_t endpoint, std::uint64_t due_ns, std::uint64_t cookie,
                    std::uint64_t now_ns);
  // False: it is not set (any more).
  bool cancel(std::uint64_t number);
  void cancel_all(std::uint32_t endpoint);
  // When something may be due; ~0: never.
  std::uint64_t next_ns() const;
  // The next one that is due, which is over then.
  std::optional<Timer> take_due(std::uint64_t now_ns);

 private:
  enum class State : std::uint8_t { free, set, expired, cancelled };  // the last two: in due_
  struct Place {
    Timer timer{};
    std::uint32_t generation = 1;
    State state = State::free;
  };
  void give_back(std::uint32_t at);

  std::unique_ptr<TimerWheel> wheel_;  // made when the first is wanted
  std::vector<Place> places_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> due_;  // expired, not taken; the next one last
};

}  // namespace weft::apps
