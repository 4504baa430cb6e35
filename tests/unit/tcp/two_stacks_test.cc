#include "tests/unit/tcp/two_stacks.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace weft::test {
namespace {

TEST(TcpTwoStacks, EverythingArrives) {
  const char* const from = std::getenv("WEFT_SEED");
  const char* const count = std::getenv("WEFT_SEEDS");
  const std::uint64_t first = from != nullptr ? std::strtoull(from, nullptr, 0) : 1;
  const std::uint64_t n = count != nullptr ? std::strtoull(count, nullptr, 0) : 2000;
  unsigned failed = 0;
  for (std::uint64_t seed = first; seed < first + n; ++seed) {
    TwoStacks both(plan_of(seed));
    both.trace = std::getenv("WEFT_TRACE") != nullptr;
    const std::string wrong = both.run();
    if (wrong.empty()) continue;
    ADD_FAILURE() << "seed " << seed << ": " << wrong << " (at " << both.now_ns() / 1e9 << " s)";
    if (++failed == 5) break;
  }
}

TEST(TcpTwoStacks, SameSeedSamePackets) {
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    TwoStacks a(plan_of(seed)), b(plan_of(seed));
    a.run(), b.run();
    EXPECT_EQ(a.hash(), b.hash());
    EXPECT_NE(a.segments(), 0u);
  }
}

}  // namespace
}  // namespace weft::test
