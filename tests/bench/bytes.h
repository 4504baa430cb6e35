// Numbers in a frame, and the sum that IPv4, UDP and TCP check it by (RFC 1071): loads make their
// frames by themselves, so that no mistake of the stack's is made twice.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::bench {

inline void store16(std::uint8_t* to, unsigned v) {
  to[0] = static_cast<std::uint8_t>(v >> 8);
  to[1] = static_cast<std::uint8_t>(v);
}
inline void store32(std::uint8_t* to, std::uint32_t v) {
  store16(to, v >> 16);
  store16(to + 2, v & 0xffff);
}
inline unsigned load16(const std::uint8_t* from) {
  return static_cast<unsigned>(from[0]) << 8 | from[1];
}
inline std::uint32_t load32(const std::uint8_t* from) {
  return load16(from) << 16 | load16(from + 2);
}

// An odd byte at the end is the upper half of a word.
inline std::uint32_t add_up(const std::uint8_t* bytes, std::size_t n, std::uint32_t sum) {
  for (std::size_t i = 0; i + 1 < n; i += 2) sum += load16(bytes + i);
  return n % 2 != 0 ? sum + (static_cast<unsigned>(bytes[n - 1]) << 8) : sum;
}
inline unsigned fold(std::uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

}  // namespace weft::bench
