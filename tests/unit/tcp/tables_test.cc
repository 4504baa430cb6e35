// What the stack remembers with: records, hash index, timer wheel; options on the wire.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "stack-nodes/table/hash_index.h"
#include "stack-nodes/table/random.h"
#include "stack-nodes/table/slab.h"
#include "stack-nodes/table/timer_wheel.h"
#include "stack-nodes/tcp/machine/holes.h"
#include "stack-nodes/tcp/machine/segment.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::test {
namespace {

TEST(Slab, GivesEachOnceAndTakesBack) {
  Slab<std::uint64_t> slab(3);
  const std::set<std::uint32_t> all{slab.take(), slab.take(), slab.take()};
  EXPECT_EQ(all.size(), 3u);
  EXPECT_EQ(slab.take(), slab.none);
  slab.give(1);
  EXPECT_EQ(slab.live(), 2u);
  EXPECT_EQ(slab.take(), 1u);
  EXPECT_EQ(slab[1], 0u);
  EXPECT_EQ(slab.known(), 3u);
}

TEST(HashIndex, LikeAMap) {
  HashIndex index(500);
  std::map<std::uint32_t, std::uint32_t> hash_of;  // by number
  Random random(3);
  for (unsigned i = 0; i < 100000; ++i) {
    const std::uint32_t number = random.below(500);
    if (const auto at = hash_of.find(number); at != hash_of.end()) {
      index.erase(at->second, number);
      hash_of.erase(at);
    } else {
      // (Few different hashes: they collide, and wrap around the end.)
      const std::uint32_t hash = random.below(2) == 0 ? random.below(20) : 1020 + random.below(8);
      index.insert(hash, number);
      hash_of[number] = hash;
    }
    ASSERT_EQ(index.size(), hash_of.size());
    if (i % 50 != 0) continue;
    for (std::uint32_t n = 0; n < 500; ++n) {
      const auto at = hash_of.find(n);
      const std::uint32_t hash = at != hash_of.end() ? at->second : random.below(20);
      const auto found = index.find(hash, [n](std::uint32_t v) { return v == n; });
      ASSERT_EQ(found, at != hash_of.end() ? n : HashIndex::none);
    }
  }
}

TEST(TimerWheel, FiresAtTheTickAndInOrder) {
  Random random(5);
  for (unsigned round = 0; round < 200; ++round) {
    const std::uint64_t start = random.below(3) == 0 ? random.next() >> 3 : random.below(10000);
    TimerWheel wheel(64, start);
    std::map<std::uint32_t, std::uint64_t> due;
    std::uint64_t now = start;
    for (unsigned step = 0; step < 200; ++step) {
      const std::uint32_t timer = random.below(64);
      switch (random.below(4)) {
        case 0:
          wheel.cancel(timer);
          due.erase(timer);
          break;
        case 1:
        case 2: {
          const std::uint64_t at = now + (random.next() >> (24 + random.below(40)));
          wheel.set(timer, at);
          due[timer] = std::max(at, now + 1);
          break;
        }
        default: {
          // No timer is due before next().
          std::uint64_t first = TimerWheel::never;
          for (const auto& [t, at] : due) first = std::min(first, at);
          ASSERT_LE(wheel.next(), first);
          ASSERT_EQ(wheel.next() == TimerWheel::never, due.empty());
          now +=
              random.below(2) == 0 ? random.below(100) : random.next() >> (30 + random.below(30));
          std::uint64_t last = 0;
          wheel.advance(now, [&](std::uint32_t t) {
            ASSERT_EQ(due.count(t), 1u);
            ASSERT_LE(due[t], now);
            ASSERT_EQ(due[t], wheel.now());
            ASSERT_GE(due[t], last);
            last = due[t];
            due.erase(t);
          });
          for (const auto& [t, at] : due) ASSERT_GT(at, now);
        }
      }
      ASSERT_EQ(wheel.size(), due.size());
      ASSERT_EQ(wheel.armed(timer), due.count(timer) == 1);
    }
  }
}

TEST(TimerWheel, MayBeSetWhileItFires) {
  TimerWheel wheel(2);
  unsigned fired = 0;
  wheel.set(0, 5);
  wheel.advance(100, [&](std::uint32_t timer) {
    if (++fired < 10) wheel.set(timer, wheel.now() + 3);
  });
  EXPECT_EQ(fired, 10u);
  EXPECT_EQ(wheel.size(), 0u);
  EXPECT_EQ(wheel.next(), TimerWheel::never);
}

using tcp::read_options;
using Bytes = std::vector<std::uint8_t>;

// MUST-4 to MUST-7, MUST-64, MUST-68: every illegal length, no byte read beyond the end.
TEST(TcpOptions, IllegalOnes) {
  const std::vector<Bytes> cases = {{2, 0},
                                    {2, 1, 0, 0},
                                    {2},
                                    {2, 5, 1, 2},
                                    {2, 3, 1},
                                    {3, 2},
                                    {3, 4, 1, 1},
                                    {4, 40},
                                    {5, 2},
                                    {5, 3, 0},
                                    {5, 9, 0, 0, 0, 0, 0, 0, 0},
                                    {8, 9, 0, 0, 0, 0, 0, 0, 0},
                                    {8},
                                    {255, 0},
                                    {1, 1, 2}};
  for (const Bytes& c : cases) {
    const Bytes exact(c);
    const auto o = read_options({exact.data(), exact.size()});
    EXPECT_FALSE(o.has_mss || o.has_scale || o.sack_permitted || o.has_timestamps ||
                 o.sack_count != 0);
  }
}

TEST(TcpOptions, UnknownOnesAreSkipped) {
  const Bytes b = {1, 254, 5, 9, 9, 9, 2, 4, 5, 180, 0, 4, 2};
  const auto o = read_options({b.data(), b.size()});
  EXPECT_TRUE(o.has_mss);
  EXPECT_EQ(o.mss, 1460);
  EXPECT_FALSE(o.sack_permitted);  // behind the end of the list
}

TEST(TcpOptions, ScaleIsFourteenAtMost) {
  const Bytes b = {3, 3, 15};
  EXPECT_EQ(read_options({b.data(), b.size()}).scale, 14);
}

TEST(TcpOptions, WrittenAndRead) {
  std::array<std::uint8_t, 40> to{};
  tcp::OptionWriter w(to);
  w.timestamps(0x01020304, 0xfffefdfc);
  const std::array<tcp::SackBlock, 4> blocks = {{{1, 2}, {3, 4}, {5, 6}, {7, 8}}};
  w.sacks(blocks);
  EXPECT_EQ(w.bytes(), 40);
  const auto o = read_options({to.data(), w.bytes()});
  EXPECT_EQ(o.ts_value, 0x01020304u);
  EXPECT_EQ(o.ts_echo, 0xfffefdfcu);
  EXPECT_EQ(o.sack_count, 3);
  EXPECT_EQ(o.sacks[2], (tcp::SackBlock{5, 6}));
}

TEST(TcpOptions, AnyBytes) {
  Random random(9);
  for (unsigned i = 0; i < 20000; ++i) {
    Bytes b(random.below(41));
    for (auto& v : b)
      v = static_cast<std::uint8_t>(random.below(3) == 0 ? random.below(12) : random.next());
    const auto o = read_options({b.data(), b.size()});
    EXPECT_LE(o.sack_count, 4);
  }
}

TEST(TcpSegment, HeaderLengthsThatCannotBe) {
  for (unsigned words = 0; words < 16; ++words) {
    for (std::size_t bytes : {0, 19, 20, 24, 59, 60}) {
      Bytes b(bytes);
      if (bytes > 12) b[12] = static_cast<std::uint8_t>(words << 4);
      tcp::Segment s;
      const bool ok = bytes >= 20 && words >= 5 && words * 4 <= bytes;
      EXPECT_EQ(tcp::read_segment({b.data(), b.size()}, s), ok);
      if (ok) {
        EXPECT_EQ(s.len, bytes - words * 4);
      }
    }
  }
}

// MUST-5.
TEST(TcpSegment, OptionsInAnySegment) {
  for (const std::uint8_t flags : {tcp::ack, tcp::syn, tcp::fin, tcp::rst, std::uint8_t{0}}) {
    Bytes b(32);
    b[12] = 8 << 4;
    b[13] = flags;
    b[20] = 8, b[21] = 10, b[25] = 77;  // timestamps
    tcp::Segment s;
    ASSERT_TRUE(tcp::read_segment({b.data(), b.size()}, s));
    EXPECT_TRUE(s.options.has_timestamps);
    EXPECT_EQ(s.options.ts_value, 77u);
  }
}

TEST(TcpSegment, WrittenAndRead) {
  tcp::OutSegment out;
  out.tuple.local_port = 80;
  out.tuple.peer_port = 1234;
  out.seq = 0xdeadbeef;
  out.ack_seq = 7;
  out.window = 500;
  out.urgent = 9;
  out.flags = tcp::ack | tcp::urg;
  Bytes b(20);
  tcp::write_header(out, b.data());
  tcp::Segment in;
  ASSERT_TRUE(tcp::read_segment({b.data(), b.size()}, in));
  EXPECT_EQ(in.tuple.local_port, 1234);
  EXPECT_EQ(in.tuple.peer_port, 80);
  EXPECT_EQ(in.seq, out.seq);
  EXPECT_EQ(in.ack_seq, 7u);
  EXPECT_EQ(in.window, 500);
  EXPECT_EQ(in.urgent, 9);
  EXPECT_EQ(in.flags, out.flags);
}

TEST(TcpSequence, Wraps) {
  EXPECT_TRUE(tcp::before(0xfffffff0, 5));
  EXPECT_TRUE(tcp::after(5, 0xfffffff0));
  EXPECT_TRUE(tcp::within(3, 0xfffffff0, 5));
  EXPECT_FALSE(tcp::within(5, 0xfffffff0, 5));
  EXPECT_FALSE(tcp::before(5, 5));
}

// The test vector of the authors (key 00..0f, message 00..07 of 8 bytes).
TEST(TcpKeyedHash, SipHash) {
  const tcp::Secret key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
  EXPECT_EQ(tcp::keyed_hash<1>(key, {0x0706050403020100}), 0x93f5f5799a932462u);
}

// As Python's hash() of bytes 00..07 has it, whose key is 0 with PYTHONHASHSEED=0.
TEST(TcpKeyedHash, SipHashForPlaces) {
  EXPECT_EQ((tcp::keyed_hash<1, 1, 3>({0, 0}, {0x0706050403020100})), 0xead411e67ebe2eeau);
}

// Tuples that differ in one bit anywhere are at other places, in both families.
TEST(TcpKeyedHash, EveryBitOfATupleCounts) {
  const tcp::Secret key = {1, 2};
  for (const tcp::Address local : {tcp::Address::v4(0x0a070002), tcp::Address{0x20010db8, 7}}) {
    const tcp::Tuple tuple = {local, tcp::Address::v4(0x0a070001), 80, 40000};
    std::set<std::uint32_t> places = {tcp::place_hash(key, tuple)};
    for (unsigned bit = 0; bit < 32; ++bit) {
      tcp::Tuple t = tuple;
      t.local.low ^= std::uint64_t{1} << bit;
      places.insert(tcp::place_hash(key, t));
      t = tuple;
      t.peer.low ^= std::uint64_t{1} << bit;
      places.insert(tcp::place_hash(key, t));
      t = tuple;
      (bit < 16 ? t.local_port : t.peer_port) ^= static_cast<std::uint16_t>(1u << bit % 16);
      places.insert(tcp::place_hash(key, t));
    }
    EXPECT_EQ(places.size(), 97u);
  }
}

TEST(TcpMemory, IdleConnectionIsSmall) { EXPECT_LE(sizeof(tcp::Connection) + 24 + 16, 1024u); }

}  // namespace
}  // namespace weft::test
