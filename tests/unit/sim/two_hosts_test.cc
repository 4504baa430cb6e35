#include "tests/unit/sim/two_hosts.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace weft::test {
namespace {

TEST(SimTwoHosts, EverythingArrives) {
  const char* const from = std::getenv("WEFT_SEED");
  const char* const count = std::getenv("WEFT_SEEDS");
  const std::uint64_t first = from != nullptr ? std::strtoull(from, nullptr, 0) : 1;
  const std::uint64_t n = count != nullptr ? std::strtoull(count, nullptr, 0) : 300;
  unsigned failed = 0;
  for (std::uint64_t seed = first; seed < first + n; ++seed) {
    TwoHosts both(hosts_of(seed));
    both.trace = std::getenv("WEFT_TRACE") != nullptr;
    const std::string wrong = both.run();
    if (wrong.empty()) continue;
    ADD_FAILURE() << "seed " << seed << ": " << wrong << " (at " << both.now_ns() / 1e9 << " s)";
    if (++failed == 5) break;
  }
}

TEST(SimTwoHosts, SameSeedSamePackets) {
  for (std::uint64_t seed = 1; seed < 10; ++seed) {
    TwoHosts a(hosts_of(seed)), b(hosts_of(seed));
    a.run(), b.run();
    EXPECT_EQ(a.hash(), b.hash());
    EXPECT_NE(a.frames(), 0u);
    // (For two processes: ctest shows it, the script of the nightly run compares.)
    RecordProperty("hash" + std::to_string(seed), std::to_string(a.hash()));
  }
}

}  // namespace
}  // namespace weft::test
