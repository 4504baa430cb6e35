// The options of an IPv4 header (RFC 791 section 3.1), looked through once. No node: what nodes
// that deal with options share.
#pragma once

#include <cstdint>

#include "weft/fields.h"

namespace weft::nodes::ipv4 {

namespace option {
inline constexpr std::uint8_t end = 0;
inline constexpr std::uint8_t no_operation = 1;
inline constexpr std::uint8_t record_route = 7;
inline constexpr std::uint8_t timestamp = 68;
inline constexpr std::uint8_t loose_route = 131;
inline constexpr std::uint8_t strict_route = 137;
// Set in the type: the option goes into every fragment.
inline constexpr std::uint8_t copied = 0x80;
}  // namespace option

struct OptionScan {
  unsigned wrong_at = 0;   // offset in the header of the first wrong octet; 0: nothing is wrong
  bool hops_left = false;  // a source route that has not reached its end
};

// `bytes` of header, 20 at least. Options that are not known are skipped by their length
// (RFC 1122 section 3.2.1.8). An option that has no length, one below its smallest, or one beyond
// the header is wrong, and so is a second source route (section 3.2.1.8 c).
inline OptionScan scan_options(const std::uint8_t* header, unsigned bytes) {
  OptionScan scan;
  bool routed = false;
  const auto wrong = [&scan](unsigned at) {
    scan.wrong_at = at;
    return scan;
  };
  for (unsigned at = field::ipv4::min_bytes; at < bytes && header[at] != option::end;) {
    const std::uint8_t type = header[at];
    if (type == option::no_operation) {
      ++at;
      continue;
    }
    if (at + 1 >= bytes) return wrong(at);
    const unsigned length = header[at + 1];
    if (length < 2 || at + length > bytes) return wrong(at + 1);
    const bool route = type == option::loose_route || type == option::strict_route;
    if (route || type == option::record_route || type == option::timestamp) {
      // Type, length, pointer; a timestamp has a fourth octet. The pointer counts from 1.
      const unsigned least = type == option::timestamp ? 4 : 3;
      if (length < least) return wrong(at + 1);
      if (header[at + 2] <= least) return wrong(at + 2);
    }
    if (route) {
      if (routed) return wrong(at);
      routed = true;
      scan.hops_left = header[at + 2] <= length;
    }
    at += length;
  }
  return scan;
}

}  // namespace weft::nodes::ipv4
