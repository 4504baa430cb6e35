#include "stack-nodes/table/flow_table.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <functional>
#include <map>

#include "stack-nodes/table/random.h"

namespace weft::test {
namespace {

bool operator<(const FlowKey& a, const FlowKey& b) {
  return std::tie(a.src, a.src_port, a.dst, a.dst_port) <
         std::tie(b.src, b.src_port, b.dst, b.dst_port);
}
struct Before {
  bool operator()(const FlowKey& a, const FlowKey& b) const { return a < b; }
};

FlowKey flow(std::uint32_t n) {
  return {.src = 0x0a000000 + n / 50000,
          .dst = 0x0a800001,
          .src_port = static_cast<std::uint16_t>(1024 + n % 50000),
          .dst_port = 7};
}

TEST(flow_table, empty_finds_nothing) {
  const FlowTable table;
  EXPECT_EQ(table.find(FlowKey{}), -1);
  EXPECT_EQ(table.find(flow(1)), -1);
  EXPECT_EQ(table.size(), 0u);
}

TEST(flow_table, every_part_of_the_key_counts) {
  FlowTable table;
  const FlowKey key = flow(3);
  EXPECT_TRUE(table.insert(key, 5));
  FlowKey other = key;
  other.src ^= 1;
  EXPECT_EQ(table.find(other), -1);
  other = key;
  other.dst ^= 0x80000000;
  EXPECT_EQ(table.find(other), -1);
  other = key;
  other.src_port ^= 1;
  EXPECT_EQ(table.find(other), -1);
  other = key;
  other.dst_port ^= 0x8000;
  EXPECT_EQ(table.find(other), -1);
  EXPECT_EQ(table.find(key), 5);
  EXPECT_FALSE(table.insert(key, 6));
  EXPECT_EQ(table.find(key), 6);
  EXPECT_EQ(table.size(), 1u);
}

TEST(flow_table, two_hundred_thousand_flows) {
  FlowTable table;
  constexpr std::uint32_t count = 200000;
  for (std::uint32_t n = 0; n < count; ++n) {
    ASSERT_TRUE(table.insert(flow(n), static_cast<std::uint16_t>(n)));
  }
  EXPECT_EQ(table.size(), count);
  for (std::uint32_t n = 0; n < count; ++n) {
    ASSERT_EQ(table.find(flow(n)), static_cast<std::uint16_t>(n));
  }
  for (std::uint32_t n = count; n < 2 * count; ++n) ASSERT_EQ(table.find(flow(n)), -1);
  EXPECT_LE(table.bytes(), count * 64u);
  for (std::uint32_t n = 0; n < count; n += 2) ASSERT_TRUE(table.erase(flow(n)));
  for (std::uint32_t n = 0; n < count; ++n) {
    ASSERT_EQ(table.find(flow(n)), n % 2 == 0 ? -1 : static_cast<std::uint16_t>(n));
  }
}

TEST(flow_table, reserved_room_is_enough) {
  FlowTable table;
  table.reserve(1000);
  const std::size_t bytes = table.bytes();
  for (std::uint32_t n = 0; n < 1000; ++n) table.insert(flow(n), 1);
  EXPECT_EQ(table.bytes(), bytes);
}

// 4,096 keys into 4,096 buckets leave about 1/e of them empty, as by chance, whatever part of the
// key it is that differs, and whatever the seed.
TEST(flow_table, hashes_differ_by_seed_and_spread) {
  EXPECT_NE(FlowTable(1).hash(flow(1)), FlowTable(2).hash(flow(1)));
  const std::vector<std::function<FlowKey(std::uint32_t)>> families = {
      [](std::uint32_t n) { return flow(n); },
      [](std::uint32_t n) { return FlowKey{.src = n, .dst = 0x0a000002, .dst_port = 7}; },
      [](std::uint32_t n) { return FlowKey{.src = n << 20, .src_port = 53, .dst_port = 53}; },
      [](std::uint32_t n) { return FlowKey{.src = n, .dst = n}; },
      [](std::uint32_t n) { return FlowKey{.dst_port = static_cast<std::uint16_t>(n)}; },
  };
  for (const std::uint64_t seed : {0ull, 1ull, 2ull, ~0ull}) {
    const FlowTable table(seed);
    for (const auto& key : families) {
      for (const unsigned shift : {0u, 20u, 52u}) {  // buckets are low bits, tags the highest
        std::array<unsigned, 4096> filled{};
        for (std::uint32_t n = 0; n < 4096; ++n) ++filled[table.hash(key(n)) >> shift & 4095];
        const auto empty = std::count(filled.begin(), filled.end(), 0u);
        EXPECT_NEAR(static_cast<double>(empty), 4096 / 2.718, 150) << seed;
        EXPECT_LE(*std::max_element(filled.begin(), filled.end()), 12u) << seed;
      }
    }
  }
}

// The table and std::map under the same operations, with few keys, so that buckets run over, empty
// and fill again.
TEST(flow_table, same_as_a_map) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    FlowTable table(seed);
    std::map<FlowKey, std::uint16_t, Before> reference;
    Random random(seed);
    const std::uint32_t keys = 1 + random.below(400);
    for (int step = 0; step < 3000; ++step) {
      const FlowKey key = flow(random.below(keys));
      const auto value = static_cast<std::uint16_t>(random.below(65535));
      if (random.below(2) == 0) {
        const bool fresh = reference.insert_or_assign(key, value).second;
        RC_ASSERT(table.insert(key, value) == fresh);
      } else {
        RC_ASSERT(table.erase(key) == (reference.erase(key) == 1));
      }
      RC_ASSERT(table.size() == reference.size());
    }
    for (std::uint32_t n = 0; n < 2 * keys; ++n) {
      const auto found = reference.find(flow(n));
      RC_ASSERT(table.find(flow(n)) == (found == reference.end() ? -1 : found->second));
    }
  }));
}

}  // namespace
}  // namespace weft::test
