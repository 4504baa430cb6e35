#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "stack-nodes/wire/compose.h"
#include "tests/unit/nodes/test_core.h"
#include "weft/fields.h"

namespace weft::test {
namespace {

// Bit by bit, the way the standards draw it.
std::uint64_t slow_load(const Bytes& bytes, unsigned offset, unsigned width) {
  std::uint64_t value = 0;
  for (unsigned i = offset; i < offset + width; ++i) {
    value = value << 1 | (bytes[i / 8] >> (7 - i % 8) & 1);
  }
  return value;
}
void slow_store(Bytes& bytes, unsigned offset, unsigned width, std::uint64_t value) {
  for (unsigned i = 0; i < width; ++i) {
    const unsigned bit = offset + width - 1 - i;
    const auto mask = static_cast<std::uint8_t>(0x80 >> bit % 8);
    bytes[bit / 8] = static_cast<std::uint8_t>((value >> i & 1) != 0 ? bytes[bit / 8] | mask
                                                                     : bytes[bit / 8] & ~mask);
  }
}

using Load = std::uint64_t (*)(const std::uint8_t*);
using Store = void (*)(std::uint8_t*, std::uint64_t);

// The bytes are exactly those of the field: a sanitizer sees any access beyond.
void check(unsigned offset, unsigned width, Load load, Store store) {
  const std::size_t size = (offset + width + 7) / 8;
  EXPECT_TRUE(rc::check([=](std::uint64_t value) {
    Bytes bytes = *rc::gen::container<Bytes>(size, rc::gen::arbitrary<std::uint8_t>());
    RC_ASSERT(load(bytes.data()) == slow_load(bytes, offset, width));
    Bytes expected = bytes;
    slow_store(expected, offset, width, value);
    store(bytes.data(), value);
    RC_ASSERT(bytes == expected);
  })) << "offset "
      << offset << " width " << width;
}

template <unsigned offset, unsigned width>
void check_field() {
  check(offset, width, &wire::load_bits<offset, width>, &wire::store_bits<offset, width>);
}

template <unsigned offset, unsigned... widths>
void check_widths(std::integer_sequence<unsigned, widths...>) {
  (
      [] {
        if constexpr ((offset % 8 + widths + 1 + 7) / 8 <= 8) check_field<offset, widths + 1>();
      }(),
      ...);
}

TEST(field, every_width_at_every_bit) {
  using Widths = std::make_integer_sequence<unsigned, 64>;
  check_widths<0>(Widths{});
  check_widths<1>(Widths{});
  check_widths<3>(Widths{});
  check_widths<7>(Widths{});
  check_widths<16>(Widths{});
}

// Put together in registers or set one after the other: the same bytes, and none beyond.
TEST(field, composed_header_is_the_one_set_field_by_field) {
  EXPECT_TRUE(rc::check([](std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
    Bytes eth(14), arp(28), expected_eth(14, 0), expected_arp(28, 0);
    wire::Composer<14>()
        .put<field::eth::dst>(a)
        .put<field::eth::src>(b)
        .put<field::eth::type>(c)
        .store(eth.data());
    slow_store(expected_eth, 0, 48, a);
    slow_store(expected_eth, 48, 48, b);
    slow_store(expected_eth, 96, 16, c);
    RC_ASSERT(eth == expected_eth);
    wire::Composer<28>()
        .put<field::arp::operation>(a)
        .put<field::arp::sender_mac>(b)
        .put<field::arp::sender>(c)
        .put<field::arp::target_mac>(d)
        .put<field::arp::target>(a)
        .store(arp.data());
    slow_store(expected_arp, 48, 16, a);
    slow_store(expected_arp, 64, 48, b);
    slow_store(expected_arp, 112, 32, c);
    slow_store(expected_arp, 144, 48, d);
    slow_store(expected_arp, 192, 32, a);
    RC_ASSERT(arp == expected_arp);
  }));
}

TEST(field, names_from_the_header_files) {
  TestCore core;
  Packet p = core.opened(udp_frame("x", {.id = 0xabcd, .ttl = 9}));
  EXPECT_EQ(get<field::eth::dst>(p), our_mac);
  EXPECT_EQ(get<field::eth::type>(p), 0x0800);
  EXPECT_EQ(get<field::ipv4::version>(p), 4);
  EXPECT_EQ(get<field::ipv4::ihl>(p), 5);
  EXPECT_EQ(get<field::ipv4::id>(p), 0xabcd);
  EXPECT_EQ(get<field::ipv4::ttl>(p), 9);
  EXPECT_EQ(get<field::ipv4::src>(p), peer_address);
  EXPECT_EQ(get<field::udp::dst_port>(p), 7);
  EXPECT_EQ(field::ipv4::min_bytes, 20u);

  set<field::ipv4::more_fragments>(p, 1);
  set<field::ipv4::fragment_offset>(p, 0x1fff);
  EXPECT_EQ(wire::load16(p.data + 20), 0x3fff);
  EXPECT_EQ(get<field::ipv4::dont_fragment>(p), 0);
}

}  // namespace
}  // namespace weft::test
