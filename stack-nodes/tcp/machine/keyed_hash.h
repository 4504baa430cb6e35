// SipHash (Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012): what nobody without the
// key can predict. SipHash-2-4 for what the peer sees: initial sequence numbers, source ports,
// timestamps and SYN cookies. SipHash-1-3 for places in a table, of which nobody sees more than how
// long it takes.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "stack-nodes/tcp/machine/tuple.h"

namespace weft::tcp {

using Secret = std::array<std::uint64_t, 2>;

// `each`: rounds for a word; `last`: rounds at the end.
template <std::size_t n, unsigned each = 2, unsigned last = 4>
std::uint64_t keyed_hash(const Secret& key, const std::array<std::uint64_t, n>& words) {
  std::uint64_t a = key[0] ^ 0x736f6d6570736575, b = key[1] ^ 0x646f72616e646f6d;
  std::uint64_t c = key[0] ^ 0x6c7967656e657261, d = key[1] ^ 0x7465646279746573;
  const auto mix = [&](unsigned rounds) {
    for (unsigned i = 0; i < rounds; ++i) {
      a += b;
      b = std::rotl(b, 13) ^ a;
      a = std::rotl(a, 32);
      c += d;
      d = std::rotl(d, 16) ^ c;
      a += d;
      d = std::rotl(d, 21) ^ a;
      c += b;
      b = std::rotl(b, 17) ^ c;
      c = std::rotl(c, 32);
    }
  };
  const auto take = [&](std::uint64_t word) {
    d ^= word;
    mix(each);
    a ^= word;
  };
  for (const std::uint64_t word : words) take(word);
  take(std::uint64_t{n * 8 & 0xff} << 56);
  c ^= 0xff;
  mix(last);
  return a ^ b ^ c ^ d;
}

// `what` keeps the uses of one key apart.
inline std::uint64_t keyed_hash(const Secret& key, const Tuple& t, std::uint64_t what) {
  return keyed_hash<6>(key, {t.local.high, t.local.low, t.peer.high, t.peer.low,
                             std::uint64_t{t.local_port} << 16 | t.peer_port, what});
}

// Where a table has this tuple.
inline std::uint32_t place_hash(const Secret& key, const Tuple& t) {
  const std::uint64_t ports = std::uint64_t{t.local_port} << 16 | t.peer_port;
  if ((t.local.high | t.peer.high) == 0)
    return static_cast<std::uint32_t>(keyed_hash<3, 1, 3>(key, {t.local.low, t.peer.low, ports}));
  return static_cast<std::uint32_t>(
      keyed_hash<5, 1, 3>(key, {t.local.high, t.local.low, t.peer.high, t.peer.low, ports}));
}

}  // namespace weft::tcp
