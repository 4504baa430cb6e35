// Segments in IP pieces: what routers say of congestion on one of them (RFC 3168 section 5.3).
#include <algorithm>
#include <array>

#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

constexpr std::uint8_t not_capable = 0, capable = 2, congested = 3, service = 0x28;

// Three pieces with these values of ECN, the last one first: the answer to the one that ends it.
ReassemblyTable::Result put_together(TestCore& core, const std::array<std::uint8_t, 3>& ecn) {
  auto last = ReassemblyTable::Result::full;
  for (std::uint32_t n = 3; n-- > 0;) {
    Packet p = core.opened(PacketBuilder(Bytes(8, static_cast<std::uint8_t>(n)))
                               .ipv4({.protocol = 6,
                                      .offset = 8 * n,
                                      .more = n != 2,
                                      .tos = static_cast<std::uint8_t>(service | ecn[n])})
                               .eth(0x0800)
                               .bytes());
    last = core.reassembly.add(core, p);
    core.release(p);
  }
  return last;
}

TEST(TcpPieces, AMarkOnOneOfThemIsOneOnTheWhole) {
  for (unsigned all = 0; all < 64; ++all) {
    const std::array<std::uint8_t, 3> ecn{static_cast<std::uint8_t>(all & 3),
                                          static_cast<std::uint8_t>(all >> 2 & 3),
                                          static_cast<std::uint8_t>(all >> 4)};
    const auto some = [&ecn](std::uint8_t is) { return std::ranges::count(ecn, is) != 0; };
    TestCore core;
    const auto answer = put_together(core, ecn);
    PacketList& whole = core.slot(nodes::Slot::ipv4_reassembled);
    EXPECT_EQ(core.reassembly.size(), 0u) << all;
    if (some(congested) && some(not_capable)) {
      EXPECT_EQ(answer, ReassemblyTable::Result::bad) << all;
      EXPECT_EQ(whole.count, 0u) << all;
      continue;
    }
    const std::uint8_t mark = some(congested) ? congested : ecn[0];
    Bytes text(24, 0);
    std::fill(text.begin() + 8, text.begin() + 16, std::uint8_t{1});
    std::fill(text.begin() + 16, text.end(), std::uint8_t{2});
    ASSERT_EQ(whole.count, 1u) << all;
    EXPECT_EQ(frame_of(whole.packets[0]),
              PacketBuilder(text)
                  .ipv4({.protocol = 6, .tos = static_cast<std::uint8_t>(service | mark)})
                  .eth(0x0800)
                  .bytes())
        << all;
  }
}

// A copy that was marked on another way adds nothing: the text of the first one counts.
TEST(TcpPieces, ACopyDoesNotMark) {
  TestCore core;
  const auto piece = [&core](std::uint32_t offset, std::uint8_t ecn) {
    Packet p = core.opened(PacketBuilder(Bytes(8, 1))
                               .ipv4({.offset = offset, .more = offset == 0, .tos = ecn})
                               .eth(0x0800)
                               .bytes());
    const auto answer = core.reassembly.add(core, p);
    core.release(p);
    return answer;
  };
  EXPECT_EQ(piece(0, capable), ReassemblyTable::Result::held);
  EXPECT_EQ(piece(0, not_capable), ReassemblyTable::Result::duplicate);
  EXPECT_EQ(piece(8, congested), ReassemblyTable::Result::held);
  EXPECT_EQ(core.slot(nodes::Slot::ipv4_reassembled).count, 1u);
}

}  // namespace
}  // namespace weft::test
