// RFC 1191: what is believed of a path, and for how long.
#include <gtest/gtest.h>

#include "stack-nodes/ipv4/learn_path.h"
#include "stack-nodes/ipv4/path_mtu.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

constexpr std::uint32_t far = 0xc6336401;
constexpr std::uint64_t minute = 60'000'000'000;

TEST(path_table, smaller_is_believed_larger_is_not) {
  PathTable paths;
  EXPECT_EQ(paths.mtu(far, 1500, 0), 1500);
  EXPECT_EQ(paths.learn(far, 1400, 1500, 0), 1400);
  EXPECT_EQ(paths.mtu(far, 1500, 0), 1400);
  EXPECT_EQ(paths.mtu(far + 1, 1500, 0), 1500);
  EXPECT_EQ(paths.learn(far, 1450, 1500, 1), 1400);
  EXPECT_EQ(paths.learn(far, 1500, 1500, 1), 1400);
  EXPECT_EQ(paths.learn(far, 9000, 1500, 1), 1400);
  EXPECT_EQ(paths.learn(far, 1000, 1500, 1), 1000);
  EXPECT_EQ(paths.mtu(far, 1500, 1), 1000);
}

// Attack 37A: an MTU of 0, 1 or 68 makes no crumbs.
TEST(path_table, never_below_552_but_where_the_link_is) {
  for (const std::uint16_t said : {0, 1, 68, 551}) {
    PathTable paths;
    EXPECT_EQ(paths.learn(far, said, 1500, 0), 552);
    EXPECT_EQ(paths.mtu(far, 1500, 0), 552);
  }
  PathTable small;
  EXPECT_EQ(small.learn(far, 100, 296, 0), 296);
  EXPECT_EQ(small.size(), 0u);
}

TEST(path_table, forgotten_after_ten_minutes) {
  PathTable paths;
  paths.learn(far, 1000, 1500, 0);
  EXPECT_EQ(paths.mtu(far, 1500, 10 * minute - 1), 1000);
  EXPECT_EQ(paths.mtu(far, 1500, 10 * minute), 1500);
  EXPECT_EQ(paths.learn(far, 1200, 1500, 10 * minute), 1200);  // anew
  paths.age(15 * minute);
  EXPECT_EQ(paths.size(), 1u);
  paths.age(20 * minute);
  EXPECT_EQ(paths.size(), 0u);
  EXPECT_EQ(paths.mtu(far, 1500, 20 * minute), 1500);
}

TEST(path_table, bounded_and_the_oldest_makes_room) {
  PathTable paths;
  for (std::uint32_t i = 0; i < 3000; ++i) paths.learn(far + i, 1000, 1500, i);
  EXPECT_EQ(paths.size(), PathTable::capacity);
  for (std::uint32_t i = 0; i < 3000; ++i)
    EXPECT_EQ(paths.mtu(far + i, 1500, 3000), i < 3000 - PathTable::capacity ? 1500 : 1000) << i;
  paths.age(10 * minute + 2500);
  EXPECT_EQ(paths.size(), 499u);
  for (std::uint32_t i = 2501; i < 3000; ++i)
    EXPECT_EQ(paths.mtu(far + i, 1500, 10 * minute + 2500), 1000) << i;
}

TEST(path_mtu, nodes_use_the_table) {
  TestCore core;
  Packet p;
  p.dst = far;
  nodes::ipv4::PathMtu::run(p, core);
  EXPECT_EQ(p.mtu, 1500);
  p.mtu = 1280;
  nodes::ipv4::LearnPath::run(p, core);
  EXPECT_EQ(p.mtu, 1280);
  p.mtu = 1400;  // no news
  nodes::ipv4::LearnPath::run(p, core);
  EXPECT_EQ(p.mtu, 1280);
  nodes::ipv4::PathMtu::run(p, core);
  EXPECT_EQ(p.mtu, 1280);
}

}  // namespace
}  // namespace weft::test
