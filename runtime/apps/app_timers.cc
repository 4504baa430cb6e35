#include "runtime/apps/app_timers.h"

#include <algorithm>

namespace weft::apps {

std::uint64_t AppTimers::set(std::uint32_t endpoint, std::uint64_t due_ns, std::uint64_t cookie,
                             std::uint64_t now_ns) {
  if (wheel_ == nullptr) wheel_ = std::make_unique<TimerWheel>(most, now_ns >> tick_shift);
  if (free_.empty()) {
    if (places_.size() == most) return 0;
    free_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const std::uint32_t at = free_.back();
  free_.pop_back();
  Place& p = places_[at];
  p.state = State::set;
  p.timer = {std::uint64_t{p.generation} << 32 | at, cookie, due_ns, endpoint};
  // (A time that no clock reaches is far enough when it is a century away.)
  constexpr std::uint64_t century = 3'155'760'000'000'000'000;
  const std::uint64_t due = std::min(due_ns, now_ns + century);
  wheel_->set(at, (due + (std::uint64_t{1} << tick_shift) - 1) >> tick_shift);
  return p.timer.number;
}

bool AppTimers::cancel(std::uint64_t number) {
  const auto at = static_cast<std::uint32_t>(number);
  if (at >= places_.size() || places_[at].timer.number != number) return false;
  Place& p = places_[at];
  if (p.state == State::expired) {
    p.state = State::cancelled;
    return true;
  }
  if (p.state != State::set) return false;
  wheel_->cancel(at);
  give_back(at);
  return true;
}

void AppTimers::cancel_all(std::uint32_t endpoint) {
  for (const Place& p : places_) {
    if (p.timer.endpoint == endpoint) cancel(p.timer.number);
  }
}

void AppTimers::give_back(std::uint32_t at) {
  Place& p = places_[at];
  p.state = State::free;
  if (++p.generation == 0) p.generation = 1;
  free_.push_back(at);
}

std::uint64_t AppTimers::next_ns() const {
  if (!due_.empty()) return 0;
  if (wheel_ == nullptr) return ~std::uint64_t{0};
  const std::uint64_t tick = wheel_->next();
  return tick == TimerWheel::never ? tick : tick << tick_shift;
}

std::optional<AppTimers::Timer> AppTimers::take_due(std::uint64_t now_ns) {
  if (wheel_ == nullptr) return {};
  if (due_.empty() && next_ns() <= now_ns) {
    wheel_->advance(now_ns >> tick_shift, [&](std::uint32_t at) {
      places_[at].state = State::expired;
      due_.push_back(at);
    });
    std::reverse(due_.begin(), due_.end());
  }
  while (!due_.empty()) {
    const std::uint32_t at = due_.back();
    due_.pop_back();
    const bool wanted = places_[at].state == State::expired;
    const Timer timer = places_[at].timer;
    give_back(at);
    if (wanted) return timer;
  }
  return {};
}

}  // namespace weft::apps
