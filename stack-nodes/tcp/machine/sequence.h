// Sequence numbers: 32 bits that wrap. Comparisons hold for numbers less than 2^31 apart (RFC 9293
// section 3.4).
#pragma once

#include <cstdint>

namespace weft::tcp {

using Seq = std::uint32_t;

constexpr std::int32_t distance(Seq from, Seq to) { return static_cast<std::int32_t>(to - from); }
constexpr bool before(Seq a, Seq b) { return distance(a, b) > 0; }
constexpr bool after(Seq a, Seq b) { return distance(a, b) < 0; }
constexpr bool at_most(Seq a, Seq b) { return !after(a, b); }
constexpr bool at_least(Seq a, Seq b) { return !before(a, b); }
// first <= s < end
constexpr bool within(Seq s, Seq first, Seq end) { return s - first < end - first; }
constexpr Seq later(Seq a, Seq b) { return after(a, b) ? a : b; }
constexpr Seq earlier(Seq a, Seq b) { return before(a, b) ? a : b; }

}  // namespace weft::tcp
