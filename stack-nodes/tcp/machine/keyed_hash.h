// SipHash-2-4 (Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012): what nobody without
// the key can predict. For initial sequence numbers, source ports, timestamps and SYN cookies.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "stack-nodes/tcp/machine/tuple.h"

namespace weft::tcp {

using Secret = std::array<std::uint64_t, 2>;

template <std::size_t n>
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
    mix(2);
    a ^= word;
  };
  for (const std::uint64_t word : words) take(word);
  take(std::uint64_t{n * 8 & 0xff} << 56);
  c ^= 0xff;
  mix(4);
  return a ^ b ^ c ^ d;
}

// `what` keeps the uses of one key apart.
inline std::uint64_t keyed_hash(const Secret& key, const Tuple& t, std::uint64_t what) {
  return keyed_hash<6>(key, {t.local.high, t.local.low, t.peer.high, t.peer.low,
                             std::uint64_t{t.local_port} << 16 | t.peer_port, what});
}

}  // namespace weft::tcp
