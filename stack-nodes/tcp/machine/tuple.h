// Addresses and ports of a connection. An IPv4 address is written as IPv6 maps it (RFC 4291 section
// 2.5.5.2), so that everything above the network layer is the same for both families.
#pragma once

#include <cstdint>

namespace weft::tcp {

struct Address {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  static constexpr std::uint64_t v4_prefix = 0xffff00000000;
  static constexpr Address v4(std::uint32_t address) { return {0, v4_prefix | address}; }
  constexpr bool is_v4() const { return high == 0 && low >> 32 == v4_prefix >> 32; }
  constexpr std::uint32_t v4() const { return static_cast<std::uint32_t>(low); }
  constexpr bool any() const { return high == 0 && (low == 0 || low == v4_prefix); }
  // Bytes of the network header in front of TCP's.
  constexpr std::uint32_t header() const { return is_v4() ? 20 : 40; }
  bool operator==(const Address&) const = default;
};

struct Tuple {
  Address local;
  Address peer;
  std::uint16_t local_port = 0;
  std::uint16_t peer_port = 0;
  bool operator==(const Tuple&) const = default;
};

}  // namespace weft::tcp
