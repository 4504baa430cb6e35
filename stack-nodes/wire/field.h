// Header fields by position: reads and writes of any run of bits, compiled down to one load or
// store. The constants themselves (weft::field::ipv4::ttl, ...) are generated from
// graphs/headers/*.yaml into weft/fields.h, so a header is declared in exactly one place.
#pragma once

#include <cstdint>
#include <type_traits>

#include "stack-nodes/packet.h"
#include "stack-nodes/wire/bytes.h"

namespace weft::field {

// Where the header begins: at the frame's start, at Packet::l3 or at Packet::l4.
enum class Layer { l2, l3, l4 };

// Offset and width in bits, network order, from the start of the header.
struct Field {
  Layer layer;
  unsigned offset;
  unsigned width;
};

// Two fields, one behind the other, as one.
consteval Field joined(Field a, Field b) {
  if (a.layer != b.layer || b.offset != a.offset + a.width) throw "not one behind the other";
  return {a.layer, a.offset, a.width + b.width};
}

// The smallest unsigned type that holds `width` bits.
template <unsigned width>
using Value = std::conditional_t<
    width <= 8, std::uint8_t,
    std::conditional_t<width <= 16, std::uint16_t,
                       std::conditional_t<width <= 32, std::uint32_t, std::uint64_t>>>;

}  // namespace weft::field

namespace weft::wire {

// `bytes` bytes as one big-endian number; touches no byte outside of them.
template <unsigned bytes>
std::uint64_t load_bytes(const std::uint8_t* p) {
  static_assert(bytes >= 1 && bytes <= 8);
  if constexpr (bytes == 1) return p[0];
  if constexpr (bytes == 2) return load16(p);
  if constexpr (bytes == 4) return load32(p);
  if constexpr (bytes == 8) {
    std::uint64_t v;
    std::memcpy(&v, p, 8);
    return __builtin_bswap64(v);
  }
  if constexpr (bytes == 3) return (std::uint64_t{load16(p)} << 8) | p[2];
  if constexpr (bytes > 4 && bytes < 8) {
    return (std::uint64_t{load32(p)} << (8 * (bytes - 4))) | load_bytes<bytes - 4>(p + 4);
  }
}

template <unsigned bytes>
void store_bytes(std::uint8_t* p, std::uint64_t v) {
  static_assert(bytes >= 1 && bytes <= 8);
  if constexpr (bytes == 1) {
    *p = static_cast<std::uint8_t>(v);
  } else if constexpr (bytes == 2) {
    store16(p, static_cast<std::uint16_t>(v));
  } else if constexpr (bytes == 4) {
    store32(p, static_cast<std::uint32_t>(v));
  } else if constexpr (bytes == 8) {
    v = __builtin_bswap64(v);
    std::memcpy(p, &v, 8);
  } else if constexpr (bytes == 3) {
    store16(p, static_cast<std::uint16_t>(v >> 8));
    p[2] = static_cast<std::uint8_t>(v);
  } else {
    store32(p, static_cast<std::uint32_t>(v >> (8 * (bytes - 4))));
    store_bytes<bytes - 4>(p + 4, v);
  }
}

// The bytes that a field touches, and what lies right of it in the last one.
template <unsigned offset_bits, unsigned width>
struct Span {
  static_assert(width >= 1 && width <= 64);
  static constexpr unsigned first = offset_bits / 8;
  static constexpr unsigned bytes = (offset_bits + width - 1) / 8 - first + 1;
  static constexpr unsigned shift = 8 * bytes - offset_bits % 8 - width;
  static constexpr std::uint64_t mask = ~std::uint64_t{0} >> (64 - width);
  static constexpr bool whole = offset_bits % 8 == 0 && width % 8 == 0;
  static_assert(bytes <= 8, "a field spans at most 8 bytes");
};

template <unsigned offset_bits, unsigned width>
std::uint64_t load_bits(const std::uint8_t* header) {
  using S = Span<offset_bits, width>;
  const std::uint64_t v = load_bytes<S::bytes>(header + S::first);
  if constexpr (S::whole) return v;
  return (v >> S::shift) & S::mask;
}

// Bits of `value` beyond `width` are ignored; bits beside the field keep their values.
template <unsigned offset_bits, unsigned width>
void store_bits(std::uint8_t* header, std::uint64_t value) {
  using S = Span<offset_bits, width>;
  if constexpr (S::whole) {
    store_bytes<S::bytes>(header + S::first, value);
  } else {
    const std::uint64_t beside = load_bytes<S::bytes>(header + S::first) & ~(S::mask << S::shift);
    store_bytes<S::bytes>(header + S::first, beside | ((value & S::mask) << S::shift));
  }
}

}  // namespace weft::wire

namespace weft {

// First byte of the header that a field of `layer` belongs to.
template <field::Layer layer>
std::uint8_t* header_at(const Packet& p) {
  if constexpr (layer == field::Layer::l2) return p.data;
  if constexpr (layer == field::Layer::l3) return p.data + p.l3;
  if constexpr (layer == field::Layer::l4) return p.data + p.l4;
}

// The same in a header at `header`. A node that writes more than one field keeps the header's
// address in a local: the compiler must assume that a byte stored may lie in the Packet, and loads
// p.data and p.l3 again after each set() through `p`.
template <field::Field F>
field::Value<F.width> get(const std::uint8_t* header) {
  return static_cast<field::Value<F.width>>(wire::load_bits<F.offset, F.width>(header));
}
template <field::Field F>
void set(std::uint8_t* header, std::uint64_t value) {
  wire::store_bits<F.offset, F.width>(header, value);
}

// get<field::ipv4::ttl>(p): the field as a number.
template <field::Field F>
field::Value<F.width> get(const Packet& p) {
  return get<F>(header_at<F.layer>(p));
}

// set<field::ipv4::ttl>(p, 64)
template <field::Field F>
void set(Packet& p, std::uint64_t value) {
  set<F>(header_at<F.layer>(p), value);
}

}  // namespace weft
