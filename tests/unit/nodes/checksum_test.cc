#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "stack-nodes/wire/checksum.h"
#include "tests/unit/nodes/packet_builder.h"

namespace weft::test {
namespace {

TEST(checksum, rfc_1071_example) {
  const Bytes words = from_hex("0001f203f4f5f6f7");
  wire::Sum sum;
  sum.add(words.data(), words.size());
  EXPECT_EQ(sum.folded(), 0xddf2);
  EXPECT_EQ(sum.checksum(), 0x220d);
}

// Headers and their checksums as scapy 2.5 makes them.
TEST(checksum, ipv4_header) {
  const Bytes header = from_hex("4500002712340000401100000a0000010a000002");
  EXPECT_EQ(wire::sum_ipv4_20(header.data()).checksum(), 0x5490);
}

TEST(checksum, udp_with_pseudo_header) {
  const Bytes addresses = from_hex("0a0000010a000002");
  const Bytes datagram = from_hex("0fa000070013000068656c6c6f2c2077656674");
  wire::Sum sum = wire::sum_pseudo(addresses.data(), 17, 19);
  sum.add(datagram.data(), datagram.size());
  EXPECT_EQ(sum.checksum(), 0x9e42);
}

TEST(checksum, nothing_sums_to_zero) { EXPECT_EQ(wire::Sum{}.checksum(), 0xffff); }

TEST(checksum, all_ones_and_carries) {
  const Bytes ones(65535, 0xff);
  wire::Sum sum;
  sum.add(ones.data(), ones.size());
  EXPECT_EQ(sum.folded(), slow_sum(ones));
}

// Zero has two forms in one's complement; both sums below are over the same bytes.
TEST(checksum, fast_is_slow_at_every_length_and_alignment) {
  EXPECT_TRUE(rc::check([](const Bytes& front, Bytes bytes) {
    RC_PRE(bytes.size() < 4000u);
    Bytes at_odd = front;
    at_odd.insert(at_odd.end(), bytes.begin(), bytes.end());
    wire::Sum sum;
    sum.add(at_odd.data() + front.size(), bytes.size());
    RC_ASSERT(sum.folded() % 0xffff == slow_sum(bytes) % 0xffff);
    // A sum that is not 0 by its bytes is never folded to 0.
    RC_ASSERT((sum.folded() == 0) == (slow_sum(bytes) == 0));
  }));
}

TEST(checksum, update_is_computing_again) {
  EXPECT_TRUE(rc::check([](Bytes bytes, std::uint16_t word, std::size_t where) {
    RC_PRE(bytes.size() >= 4u);
    bytes.resize(bytes.size() / 2 * 2);
    bytes[0] = 0x45;  // as in every header: not all zero
    const std::size_t at = 2 + where % (bytes.size() / 2 - 1) * 2;
    const std::uint16_t before = wire::load16(bytes.data() + at);
    const std::uint16_t old = slow_checksum(bytes);
    wire::store16(bytes.data() + at, word);
    RC_ASSERT(wire::updated(old, before, word) == slow_checksum(bytes));
  }));
}

}  // namespace
}  // namespace weft::test
