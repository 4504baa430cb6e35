#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>

#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

using Result = ReassemblyTable::Result;
using nodes::Slot;

struct Piece {
  std::uint32_t offset;
  std::uint32_t bytes;
  bool more;
};

struct Reassembly : testing::Test {
  TestCore core;
  Bytes data;  // of the whole datagram
  std::uint32_t source = peer_address;

  explicit Reassembly(std::size_t size = 4000) : data(size) {
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  }
  Result add(const Piece& piece, std::uint16_t id = 1, const Bytes& options = {}) {
    const Bytes part(data.begin() + piece.offset, data.begin() + piece.offset + piece.bytes);
    Ipv4Parts ip{
        .src = source, .id = id, .offset = piece.offset, .more = piece.more, .options = options};
    Packet p = core.opened(PacketBuilder(part).ipv4(ip).eth(0x0800).pad(60).bytes());
    const Result r = core.reassembly.add(core, p);
    core.release(p);
    return r;
  }
  unsigned done() { return core.slot(Slot::ipv4_reassembled).count; }
};

TEST_F(Reassembly, two_pieces_in_either_order) {
  for (const bool reverse : {false, true}) {
    const std::uint16_t id = reverse ? 2 : 1;
    const Piece first{0, 1480, true}, last{1480, 100, false};
    EXPECT_EQ(add(reverse ? last : first, id), Result::held);
    EXPECT_EQ(done(), reverse ? 1u : 0u);
    EXPECT_EQ(add(reverse ? first : last, id), Result::held);
    ASSERT_EQ(done(), reverse ? 2u : 1u);
    const Packet& p = core.slot(Slot::ipv4_reassembled).packets[reverse ? 1 : 0];
    const Bytes whole(data.begin(), data.begin() + 1580);
    EXPECT_EQ(frame_of(p), PacketBuilder(whole).ipv4({.id = id}).eth(0x0800).bytes());
    EXPECT_EQ(p.l3, 14);
    EXPECT_EQ(p.l4, 34);
    EXPECT_EQ(p.end, p.len);
    EXPECT_EQ(ip_cksum(p), weft::Answer::unknown);
  }
  EXPECT_EQ(core.reassembly.size(), 0u);
  EXPECT_EQ(core.reassembly.counters().completed, 2u);
}

TEST_F(Reassembly, headers_are_those_of_the_first_piece) {
  const Bytes options = from_hex("94040000");
  EXPECT_EQ(add({8, 16, false}), Result::held);
  EXPECT_EQ(add({0, 8, true}, 1, options), Result::held);
  ASSERT_EQ(done(), 1u);
  const Bytes whole(data.begin(), data.begin() + 24);
  EXPECT_EQ(frame_of(core.slot(Slot::ipv4_reassembled).packets[0]),
            PacketBuilder(whole).ipv4({.id = 1, .options = options}).eth(0x0800).bytes());
}

TEST_F(Reassembly, a_tagged_piece_makes_an_untagged_datagram) {
  for (const bool more : {true, false}) {
    const Ipv4Parts ip{.id = 5, .offset = more ? 0u : 8u, .more = more};
    const Bytes part(data.begin() + (more ? 0 : 8), data.begin() + (more ? 8 : 11));
    Packet p =
        core.opened(PacketBuilder(part).ipv4(ip).vlan(7, 0x0800).eth(0x8100).pad(64).bytes());
    EXPECT_EQ(core.reassembly.add(core, p), Result::held);
    core.release(p);
  }
  ASSERT_EQ(done(), 1u);
  const Packet& p = core.slot(Slot::ipv4_reassembled).packets[0];
  const Bytes whole(data.begin(), data.begin() + 11);
  EXPECT_EQ(frame_of(p), PacketBuilder(whole).ipv4({.id = 5}).eth(0x0800).bytes());
  EXPECT_EQ(p.vlan_id, 7);
}

TEST_F(Reassembly, datagrams_are_told_apart) {
  EXPECT_EQ(add({0, 8, true}, 1), Result::held);
  EXPECT_EQ(add({8, 8, false}, 2), Result::held);
  EXPECT_EQ(done(), 0u);
  EXPECT_EQ(core.reassembly.size(), 2u);
}

TEST_F(Reassembly, exact_copies_are_duplicates) {
  EXPECT_EQ(add({0, 16, true}), Result::held);
  EXPECT_EQ(add({0, 16, true}), Result::duplicate);
  EXPECT_EQ(add({16, 16, true}), Result::held);
  EXPECT_EQ(add({0, 16, true}), Result::duplicate);
  EXPECT_EQ(add({16, 16, true}), Result::duplicate);
  EXPECT_EQ(add({40, 3, false}), Result::held);
  EXPECT_EQ(add({40, 3, false}), Result::duplicate);
  EXPECT_EQ(add({32, 8, true}), Result::held);
  EXPECT_EQ(done(), 1u);
}

// Each case: what is held first, then what must give the datagram up.
TEST_F(Reassembly, every_other_overlap_gives_the_datagram_up) {
  const std::vector<std::pair<std::vector<Piece>, Piece>> cases = {
      {{{0, 16, true}}, {8, 16, true}},                  // teardrop
      {{{0, 32, true}}, {8, 8, true}},                   // inside
      {{{8, 8, true}}, {0, 32, true}},                   // around
      {{{0, 16, true}, {16, 16, true}}, {0, 32, true}},  // two at once, same bytes
      {{{0, 32, true}}, {0, 16, true}},                  // same begin
      {{{0, 32, true}}, {16, 16, true}},                 // same end
      {{{40, 3, false}}, {40, 5, false}},                // another length of the last
      {{{40, 8, false}}, {40, 8, true}},                 // the last is not the last
      {{{40, 8, true}}, {40, 8, false}},                 // and the reverse
      {{{40, 3, false}}, {48, 8, true}},                 // behind the end
      {{{48, 8, true}}, {40, 3, false}},                 // an end before what is held
      {{{40, 3, false}}, {24, 8, false}},                // two ends
  };
  std::uint16_t id = 100;
  for (const auto& [held, bad] : cases) {
    ++id;
    for (const Piece& piece : held) EXPECT_EQ(add(piece, id), Result::held) << id;
    EXPECT_EQ(add(bad, id), Result::overlap) << id;
    // From now on everything is refused, the missing pieces and copies too.
    EXPECT_EQ(add({2000, 8, true}, id), Result::overlap) << id;
    EXPECT_EQ(add(held[0], id), Result::overlap) << id;
  }
  EXPECT_EQ(done(), 0u);
  EXPECT_EQ(core.reassembly.counters().given_up, cases.size());
  core.now_ns += ReassemblyTable::timeout_ns;
  core.reassembly.age(core);
  EXPECT_EQ(core.reassembly.size(), 0u);
  EXPECT_EQ(add({0, 8, true}, id), Result::held);
}

TEST_F(Reassembly, same_place_other_bytes_is_no_copy) {
  EXPECT_EQ(add({0, 16, true}), Result::held);
  data[3] ^= 1;
  EXPECT_EQ(add({0, 16, true}), Result::overlap);
}

TEST_F(Reassembly, bad_pieces_leave_no_trace) {
  EXPECT_EQ(add({0, 12, true}), Result::bad);
  EXPECT_EQ(add({8, 0, false}), Result::bad);
  EXPECT_EQ(add({0, 0, true}), Result::bad);
  data.resize(70000);
  EXPECT_EQ(add({65528, 8, false}), Result::bad);  // 65,536 and a header
  EXPECT_EQ(add({65512, 4, false}), Result::bad);  // 65,516 + 20
  EXPECT_EQ(add({65512, 8, true}), Result::bad);
  EXPECT_EQ(core.reassembly.size(), 0u);
  EXPECT_EQ(add({65512, 3, false}), Result::held);  // 65,535 exactly
}

TEST_F(Reassembly, longest_datagram) {
  data.resize(65515);
  std::iota(data.begin(), data.end(), std::uint8_t{0});
  for (std::uint32_t at = 0; at < 65515; at += 1480) {
    const std::uint32_t bytes = std::min<std::uint32_t>(1480, 65515 - at);
    EXPECT_EQ(add({at, bytes, at + bytes < 65515}), Result::held);
  }
  ASSERT_EQ(done(), 1u);
  EXPECT_EQ(frame_of(core.slot(Slot::ipv4_reassembled).packets[0]),
            PacketBuilder(data).ipv4({.id = 1}).eth(0x0800).bytes());
}

// The last piece fits behind its own short header, but not behind the first one's.
TEST_F(Reassembly, too_long_with_the_first_header) {
  data.resize(65515);
  for (std::uint32_t at = 8; at < 65515; at += 1480) {
    const std::uint32_t bytes = std::min<std::uint32_t>(1480, 65515 - at);
    EXPECT_EQ(add({at, bytes, at + bytes < 65515}), Result::held);
  }
  EXPECT_EQ(add({0, 8, true}, 1, from_hex("94040000")), Result::bad);
  EXPECT_EQ(done(), 0u);
  EXPECT_EQ(add({0, 8, true}), Result::overlap);
}

TEST_F(Reassembly, half_of_the_table_for_one_source_and_room_again_after_30_seconds) {
  const std::uint64_t start = core.now_ns;
  for (std::uint16_t id = 0; id < 32; ++id) EXPECT_EQ(add({0, 8, true}, id), Result::held);
  EXPECT_EQ(add({0, 8, true}, 64), Result::full);
  EXPECT_EQ(add({8, 8, false}, 5), Result::held);  // who is in may finish
  EXPECT_EQ(add({0, 8, true}, 64), Result::held);
  core.now_ns = start + ReassemblyTable::timeout_ns - 1;
  core.reassembly.age(core);
  EXPECT_EQ(core.reassembly.size(), 32u);
  core.now_ns = start + ReassemblyTable::timeout_ns;
  core.reassembly.age(core);
  EXPECT_EQ(core.reassembly.size(), 0u);
  EXPECT_EQ(core.reassembly.counters().timed_out, 32u);
  for (std::uint16_t id = 0; id < 32; ++id) EXPECT_EQ(add({0, 8, true}, id), Result::held);
}

// Between two looks of the engine, a piece ends what it belongs to itself and nothing else: when
// the rest ends does not depend on how pieces are spread over queues.
TEST_F(Reassembly, a_late_piece_begins_anew_and_leaves_others_to_the_next_look) {
  EXPECT_EQ(add({0, 8, true}, 1), Result::held);
  EXPECT_EQ(add({0, 8, true}, 2), Result::held);
  core.now_ns += ReassemblyTable::timeout_ns;
  EXPECT_EQ(add({8, 8, false}, 1), Result::held);
  EXPECT_EQ(done(), 0u);
  EXPECT_EQ(core.reassembly.counters().timed_out, 1u);
  EXPECT_EQ(core.reassembly.size(), 2u);
  core.reassembly.age(core);
  EXPECT_EQ(core.reassembly.counters().timed_out, 2u);
  EXPECT_EQ(core.reassembly.size(), 1u);
}

// FragmentSmack with many sources: the oldest go, and an honest datagram is put together.
TEST_F(Reassembly, a_flood_evicts_the_oldest) {
  for (unsigned i = 0; i < 1000; ++i) {
    ++core.now_ns;
    source = 0x0a010000 + i / 2;
    EXPECT_EQ(add({0, 1480, true}, static_cast<std::uint16_t>(i)), Result::held);
    EXPECT_LE(core.reassembly.size(), ReassemblyTable::capacity);
  }
  EXPECT_EQ(core.reassembly.counters().evicted, 1000u - 64);
  source = peer_address;
  EXPECT_EQ(add({0, 1480, true}, 7), Result::held);
  source = 0x0a020000;
  EXPECT_EQ(add({0, 1480, true}, 7), Result::held);
  source = peer_address;
  EXPECT_EQ(add({1480, 100, false}, 7), Result::held);
  EXPECT_EQ(done(), 1u);
}

// RFC 1122 section 3.3.2: "time exceeded" quotes fragment zero, and is not sent without it.
TEST_F(Reassembly, what_stays_in_pieces_is_reported_by_its_first_piece) {
  EXPECT_EQ(add({0, 1480, true}, 1, from_hex("94040000")), Result::held);
  EXPECT_EQ(add({1480, 8, true}, 1), Result::held);
  EXPECT_EQ(add({8, 8, true}, 2), Result::held);   // the first never came
  EXPECT_EQ(add({0, 16, true}, 3), Result::held);  // overlapping: given up
  EXPECT_EQ(add({8, 16, true}, 3), Result::overlap);
  core.now_ns += ReassemblyTable::timeout_ns;
  core.reassembly.age(core);
  EXPECT_EQ(core.reassembly.size(), 0u);
  EXPECT_EQ(core.reassembly.counters().timed_out, 2u);
  EXPECT_EQ(core.reassembly.counters().reported, 1u);
  ASSERT_EQ(core.slot(Slot::ipv4_expired).count, 1u);
  const Packet& p = core.slot(Slot::ipv4_expired).packets[0];
  const Bytes part(data.begin(), data.begin() + 1480);
  Bytes sent = PacketBuilder(part)
                   .ipv4({.id = 1, .more = true, .options = from_hex("94040000")})
                   .eth(0x0800)
                   .bytes();
  sent.resize(14 + 576);
  EXPECT_EQ(frame_of(p), sent);
  EXPECT_EQ(p.l4, 38);
}

TEST_F(Reassembly, no_buffer_for_the_report) {
  EXPECT_EQ(add({0, 8, true}), Result::held);
  core.heap.refuse = true;
  core.now_ns += ReassemblyTable::timeout_ns;
  core.reassembly.age(core);
  EXPECT_EQ(core.slot(Slot::ipv4_expired).count, 0u);
  EXPECT_EQ(core.reassembly.counters().no_buffer, 1u);
}

TEST_F(Reassembly, no_buffer_for_the_whole) {
  EXPECT_EQ(add({0, 8, true}), Result::held);
  Packet p = core.opened(PacketBuilder(Bytes(data.begin() + 8, data.begin() + 16))
                             .ipv4({.id = 1, .offset = 8})
                             .eth(0x0800)
                             .bytes());
  core.heap.refuse = true;
  EXPECT_EQ(core.reassembly.add(core, p), Result::full);
  EXPECT_EQ(core.reassembly.counters().no_buffer, 1u);
  EXPECT_EQ(core.reassembly.size(), 0u);
}

// Random splits, orders and copies: the datagram comes out once, whole, with the last missing
// piece.
TEST(reassembly, any_split_in_any_order) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    TestCore core;
    Random random(seed);
    Bytes data(9 + random.below(random.below(4) == 0 ? 65000 : 3000));
    for (auto& b : data) b = static_cast<std::uint8_t>(random.next());
    std::vector<Piece> pieces;
    const std::uint32_t longest = 1 + random.below(180);  // blocks
    for (std::uint32_t at = 0; at < data.size();) {
      std::uint32_t bytes = 8 * (1 + random.below(longest));
      if (at == 0) bytes = std::min<std::uint32_t>(bytes, (data.size() - 1) / 8 * 8);
      bytes = std::min<std::uint32_t>(bytes, data.size() - at);
      pieces.push_back({at, bytes, at + bytes < data.size()});
      at += bytes;
    }
    for (std::size_t i = pieces.size(); i > 1; --i) {
      std::swap(pieces[i - 1], pieces[random.below(static_cast<std::uint32_t>(i))]);
    }
    const auto add = [&](const Piece& piece) {
      const Bytes part(data.begin() + piece.offset, data.begin() + piece.offset + piece.bytes);
      Packet p = core.opened(PacketBuilder(part)
                                 .ipv4({.offset = piece.offset, .more = piece.more})
                                 .eth(0x0800)
                                 .bytes());
      const Result r = core.reassembly.add(core, p);
      core.release(p);
      return r;
    };
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      RC_ASSERT(core.slot(Slot::ipv4_reassembled).count == 0u);
      RC_ASSERT(add(pieces[i]) == Result::held);
      if (i + 1 < pieces.size() && random.below(3) == 0) {
        RC_ASSERT(add(pieces[random.below(static_cast<std::uint32_t>(i + 1))]) ==
                  Result::duplicate);
      }
    }
    RC_ASSERT(core.slot(Slot::ipv4_reassembled).count == 1u);
    RC_ASSERT(frame_of(core.slot(Slot::ipv4_reassembled).packets[0]) ==
              PacketBuilder(data).ipv4({}).eth(0x0800).bytes());
  }));
}

// Against a list of intervals: the answer to every piece of a random, mostly hostile, sequence.
TEST(reassembly, answers_like_a_list_of_intervals) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    TestCore core;
    Random random(seed);
    Bytes data(400);
    for (auto& b : data) b = static_cast<std::uint8_t>(random.next());
    std::vector<Piece> held;
    bool refused = false;
    for (int step = 0; step < 30; ++step) {
      Piece piece{8 * random.below(12), 1 + random.below(24), random.below(4) != 0};
      if (piece.more && random.below(10) != 0) piece.bytes = (piece.bytes + 7) / 8 * 8;
      Result expected = Result::held;
      if (piece.more && piece.bytes % 8 != 0) {
        expected = Result::bad;
      } else if (refused) {
        expected = Result::overlap;
      } else {
        for (const Piece& h : held) {
          const std::uint32_t end = piece.offset + piece.bytes, h_end = h.offset + h.bytes;
          if (h.offset == piece.offset && h_end == end && h.more == piece.more) {
            expected = Result::duplicate;
          } else if ((piece.offset < h_end && h.offset < end) || (!h.more && end > h_end) ||
                     (!piece.more && h_end > end) || (!h.more && !piece.more)) {
            expected = Result::overlap;
          }
          if (expected != Result::held) break;
        }
        // Another piece may contradict even where one is an exact copy: copies are looked at first.
        for (const Piece& h : held) {
          if (h.offset == piece.offset && h.bytes == piece.bytes && h.more == piece.more) {
            expected = Result::duplicate;
          }
        }
        if (expected == Result::held) held.push_back(piece);
        refused = expected == Result::overlap;
      }
      const Bytes part(data.begin() + piece.offset, data.begin() + piece.offset + piece.bytes);
      Packet p = core.opened(PacketBuilder(part)
                                 .ipv4({.offset = piece.offset, .more = piece.more})
                                 .eth(0x0800)
                                 .bytes());
      RC_ASSERT(core.reassembly.add(core, p) == expected);
      core.release(p);
      std::uint32_t have = 0, total = 0;
      for (const Piece& h : held) {
        have += h.bytes;
        if (!h.more) total = h.offset + h.bytes;
      }
      if (!refused && total != 0 && have == total) {
        RC_ASSERT(core.slot(Slot::ipv4_reassembled).count == 1u);
        return;
      }
      RC_ASSERT(core.slot(Slot::ipv4_reassembled).count == 0u);
    }
  }));
}

}  // namespace
}  // namespace weft::test
