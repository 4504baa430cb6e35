// Microsoft, "Verifying the RSS hash calculation": all of its vectors.
#include "compiler/rss/hash.h"

#include "tests/unit/rss/tuples.h"

namespace weft::rss::testing {
namespace {

const Bytes key = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                   0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                   0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                   0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

struct Vector {
  Bytes addresses;  // source, destination
  unsigned source_port, destination_port;
  std::uint32_t with_ports, without;
};

const Vector vectors[] = {
    {{66, 9, 149, 187, 161, 142, 100, 80}, 2794, 1766, 0x51ccc178, 0x323e8fc2},
    {{199, 92, 111, 2, 65, 69, 140, 83}, 14230, 4739, 0xc626b0ea, 0xd718262a},
    {{24, 19, 198, 95, 12, 22, 207, 184}, 12898, 38024, 0x5c2b394a, 0xd2d0a5de},
    {{38, 27, 205, 30, 209, 142, 163, 6}, 48228, 2217, 0xafc7327f, 0x82989176},
    {{153, 39, 163, 191, 202, 188, 127, 2}, 44251, 1303, 0x10e828a2, 0x5d1809c5},
    {{0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x07,
      0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x00, 0x03, 0, 0, 0, 0, 0, 0, 0, 0x01},
     2794,
     1766,
     0x40207d3d,
     0x2cc18cd5},
    {{0x3f, 0xfe, 0x05, 0x01, 0x00, 0x08, 0, 0, 0x02, 0x60, 0x97, 0xff, 0xfe, 0x40, 0xef, 0xab,
      0xff, 0x02, 0,    0,    0,    0,    0, 0, 0,    0,    0,    0,    0,    0,    0,    0x01},
     14230,
     4739,
     0xdde51bbf,
     0x0f0c461c},
    {{0x3f, 0xfe, 0x19, 0x00, 0x45, 0x45, 0x00, 0x03, 0x02, 0x00, 0xf8,
      0xff, 0xfe, 0x21, 0x67, 0xcf, 0xfe, 0x80, 0,    0,    0,    0,
      0,    0,    0x02, 0x00, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf},
     44251,
     38024,
     0x02d1feef,
     0x4b61e985},
};

TEST(Hash, AsPublished) {
  for (const Vector& v : vectors) {
    Bytes input = v.addresses;
    const auto length = static_cast<unsigned>(input.size());
    EXPECT_EQ(Hasher(key, length)(input), v.without);
    EXPECT_EQ(hash(input, key), v.without);
    for (const unsigned p : {v.source_port, v.destination_port}) {
      input.push_back(static_cast<std::uint8_t>(p >> 8));
      input.push_back(static_cast<std::uint8_t>(p));
    }
    EXPECT_EQ(Hasher(key, length + 4)(input), v.with_ports);
    EXPECT_EQ(hash(input, key), v.with_ports);
  }
}

TEST(Hash, BytesAtATimeAreBitsAtATime) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; ++i) {
    const Bytes any = random_input(random, random() % 2 == 0 ? 40 : 52);
    const auto length = static_cast<unsigned>(1 + random() % 48);  // some reach behind the key
    const Bytes input = random_input(random, length);
    ASSERT_EQ(Hasher(any, length)(input), hash(input, any));
  }
}

// As equations have it: each bit is a sum of the key's bits.
TEST(Hash, IsLinearInTheKey) {
  std::mt19937_64 random(2);
  Port at = port({ipv4_udp()});
  at.first = 77;
  for (int i = 0; i < 200; ++i) {
    const Bytes any = random_input(random, 40), input = random_input(random, 12);
    Row bits;
    for (unsigned b = 0; b < 320; ++b) {
      if (bit_of(any, b)) bits.flip(at.first + b);
    }
    for (unsigned j = 0; j < 32; ++j)
      ASSERT_EQ(hash_bit(at, input, j).sum_over(bits, Row::words),
                ((hash(input, any) >> (31 - j)) & 1) != 0);
  }
}

}  // namespace
}  // namespace weft::rss::testing
