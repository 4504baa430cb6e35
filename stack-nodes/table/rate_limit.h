// A token bucket: how many ICMP errors a core may send. RFC 1812 section 4.3.2.8 asks for a limit.
#pragma once

#include <algorithm>
#include <cstdint>

#include "stack-nodes/table/owned.h"

namespace weft {

class RateLimit : public Owned {
 public:
  static constexpr std::uint64_t per_second = 1000;
  static constexpr std::uint64_t burst = 50;

  // True, and one token less, where one is left. Tokens are counted in nanoseconds of refill time,
  // so that nothing is divided and nothing is lost to rounding.
  bool take(std::uint64_t now_ns) {
    touch("a rate limit");
    const std::uint64_t passed = now_ns > last_ns_ ? now_ns - last_ns_ : 0;
    last_ns_ = std::max(last_ns_, now_ns);
    credit_ns_ = std::min(full_ns, credit_ns_ + std::min(passed, full_ns));
    if (credit_ns_ < cost_ns) return false;
    credit_ns_ -= cost_ns;
    return true;
  }

 private:
  static constexpr std::uint64_t cost_ns = 1'000'000'000 / per_second;
  static constexpr std::uint64_t full_ns = burst * cost_ns;
  std::uint64_t credit_ns_ = full_ns;
  std::uint64_t last_ns_ = 0;
};

}  // namespace weft
