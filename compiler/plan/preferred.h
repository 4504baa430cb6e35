// How long a net core serves other queues before it looks again at those that it polls first: as
// many packets as took so long lately, and at least one. Part of what the chooser promises (p99).
#pragma once

#include <cstdint>

namespace weft::plan {

inline constexpr std::uint64_t longest_beside_preferred_ns = 2'000;

}  // namespace weft::plan
