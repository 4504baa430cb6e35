// The Internet checksum (RFC 1071), its update (RFC 1624) and the pseudo header of UDP (RFC 768).
// Sums are taken over words as they lie in memory, eight bytes at a time; results are numbers as
// they stand in the header's field.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "stack-nodes/wire/bytes.h"

namespace weft::wire {

static_assert(std::endian::native == std::endian::little, "sums are swapped once at the end");

// A sum of words of 16 or 32 bits, all of them numbers, folded to 16 bits: the upper half of a
// number plus the same with its halves exchanged is the sum of both halves with its carry added
// (RFC 1071 section 2: the carry goes around, and the order of bytes does not matter).
inline std::uint16_t folded(std::uint64_t value) {
  const auto v = static_cast<std::uint32_t>((value + std::rotl(value, 32)) >> 32);
  return static_cast<std::uint16_t>((v + std::rotl(v, 16)) >> 16);
}

// A running one's complement sum. `parts` is added up without loss and folded at the end.
struct Sum {
  std::uint64_t value = 0;

  // With end-around carry. (Compilers make a jump of the carry now and then, and which way it goes
  // is as good as random.)
  void add64(std::uint64_t v) {
#if defined(__x86_64__)
    asm("addq %1, %0\n\tadcq $0, %0" : "+&r"(value) : "rm"(v) : "cc");
#else
    value += v;
    value += value < v ? 1 : 0;
#endif
  }
  void add8bytes(const std::uint8_t* p) {
    std::uint64_t v;
    std::memcpy(&v, p, 8);
    add64(v);
  }
  void add4bytes(const std::uint8_t* p) {
    std::uint32_t v;
    std::memcpy(&v, p, 4);
    add64(v);
  }
  void add_number(std::uint16_t v) { add64(__builtin_bswap16(v)); }

  // Takes a 16-bit word out again. The sum of what is left must not be of zeros alone.
  void remove_number(std::uint16_t v) { add_number(static_cast<std::uint16_t>(~v)); }

  // `count` bytes; only the last piece of a sum may have an odd length.
  void add(const std::uint8_t* p, std::size_t count) {
    if (count < 8) [[unlikely]] {
      std::uint64_t rest = 0;
      for (std::size_t i = 0; i < count; ++i) rest |= std::uint64_t{p[i]} << (8 * i);
      add64(rest);
      return;
    }
    // Two chains, because each add waits for the carry of the one before.
    Sum other;
    while (count >= 32) {
      add8bytes(p);
      other.add8bytes(p + 8);
      add8bytes(p + 16);
      other.add8bytes(p + 24);
      p += 32;
      count -= 32;
    }
    while (count >= 8) {
      add8bytes(p);
      p += 8;
      count -= 8;
    }
    if (count != 0) {
      // The last 8 bytes, without those that have been added already.
      std::uint64_t v;
      std::memcpy(&v, p + count - 8, 8);
      other.add64(v >> (-8 * count & 63));
    }
    add64(other.value);
  }

  // Folded to 16 bits, as they lie in memory.
  std::uint16_t in_memory() const { return wire::folded(value); }

  // The sum as a 16-bit number: 0xffff over data that contains its own correct checksum.
  std::uint16_t folded() const { return __builtin_bswap16(in_memory()); }
  // The number for the checksum field.
  std::uint16_t checksum() const { return static_cast<std::uint16_t>(~folded()); }
  // The same for UDP, where 0 would mean that there is none (RFC 768).
  std::uint16_t udp_checksum() const {
    const std::uint16_t sum = in_memory();
    return __builtin_bswap16(static_cast<std::uint16_t>(~(sum == 0xffff ? 0 : sum)));
  }
};

// An IPv4 header without options.
inline Sum sum_ipv4_20(const std::uint8_t* header) {
  Sum s;
  s.add8bytes(header);
  s.add8bytes(header + 8);
  s.add4bytes(header + 16);
  return s;
}

// The same without its checksum. In the pieces that ipv4.build has stored (compose.h): a load that
// spans two stores has to wait for them.
inline Sum sum_ipv4_20_beside_checksum(const std::uint8_t* header) {
  std::uint32_t first, second, src, dst;
  std::uint16_t ttl_and_protocol;
  std::memcpy(&first, header, 4);
  std::memcpy(&second, header + 4, 4);
  std::memcpy(&ttl_and_protocol, header + 8, 2);
  std::memcpy(&src, header + 12, 4);
  std::memcpy(&dst, header + 16, 4);
  return {std::uint64_t{first} + second + ttl_and_protocol + src + dst};
}

// RFC 768: source, destination (8 bytes at `addresses`, as in the IPv4 header), protocol, length.
inline Sum sum_pseudo(const std::uint8_t* addresses, std::uint8_t protocol, std::uint16_t length) {
  // In pieces of 4 bytes: ipv4.build has just stored them, in two stores (compose.h).
  Sum s;
  std::uint32_t src, dst;
  std::memcpy(&src, addresses, 4);
  std::memcpy(&dst, addresses + 4, 4);
  s.value = std::uint64_t{src} + dst + __builtin_bswap16(protocol) + __builtin_bswap16(length);
  return s;
}

// RFC 1624 equation 3: the new checksum after one 16-bit word changed from `before` to `after`.
inline std::uint16_t updated(std::uint16_t checksum, std::uint16_t before, std::uint16_t after) {
  std::uint32_t s = static_cast<std::uint16_t>(~checksum);
  s += static_cast<std::uint16_t>(~before);
  s += after;
  s = (s & 0xffff) + (s >> 16);
  s = (s & 0xffff) + (s >> 16);
  return static_cast<std::uint16_t>(~s);
}

}  // namespace weft::wire
