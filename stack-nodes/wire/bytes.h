// Network byte order loads and stores, at any alignment.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace weft::wire {

inline std::uint16_t load16(const std::uint8_t* p) {
  std::uint16_t v;
  std::memcpy(&v, p, 2);
  return __builtin_bswap16(v);
}
inline std::uint32_t load32(const std::uint8_t* p) {
  std::uint32_t v;
  std::memcpy(&v, p, 4);
  return __builtin_bswap32(v);
}
inline std::uint64_t load48(const std::uint8_t* p) {
  return (std::uint64_t{load16(p)} << 32) | load32(p + 2);
}
inline void store16(std::uint8_t* p, std::uint16_t v) {
  v = __builtin_bswap16(v);
  std::memcpy(p, &v, 2);
}
inline void store32(std::uint8_t* p, std::uint32_t v) {
  v = __builtin_bswap32(v);
  std::memcpy(p, &v, 4);
}
inline void store48(std::uint8_t* p, std::uint64_t v) {
  store16(p, static_cast<std::uint16_t>(v >> 32));
  store32(p + 2, static_cast<std::uint32_t>(v));
}

}  // namespace weft::wire
