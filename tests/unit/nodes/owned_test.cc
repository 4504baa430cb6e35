// The check that state is touched by its owner alone: it must kill, with words.
#include "stack-nodes/table/owned.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

struct Table : OwnedIf<true> {
  int look() const {
    touch("the table");
    return 1;
  }
};

// As RunsShard does it in builds with the check.
struct Runs {
  explicit Runs(unsigned shard) : before(running_shard) { running_shard = shard + 1; }
  ~Runs() { running_shard = before; }
  unsigned before;
};

TEST(owned, its_owner_may_touch_it) {
  Table table;
  EXPECT_EQ(table.look(), 1) << "before it belongs to anybody";
  table.give_to(3);
  EXPECT_EQ(table.look(), 1) << "no net core runs: there is one thread";
  const Runs runs(3);
  EXPECT_EQ(table.look(), 1);
}

TEST(owned_death, another_shard_dies_with_words) {
  Table table;
  table.give_to(3);
  const Runs runs(1);
  EXPECT_DEATH(table.look(), "the table of shard 3 was touched by shard 1: state has one owner");
}

TEST(owned_death, a_thread_without_a_shard_dies_while_net_cores_run) {
  Table table;
  table.give_to(0);
  EXPECT_DEATH(
      {
        net_cores_run.store(true);
        table.look();
      },
      "the table of shard 0 was touched by a thread that runs no shard");
}

// In builds with the check it is in the tables themselves.
TEST(owned_death, tables_of_a_core) {
  if (!owner_check) GTEST_SKIP() << "built without WEFT_OWNER_CHECK";
  TestCore core;
  core.give_to(2);
  const Runs runs(0);
  EXPECT_DEATH(core.udp_flows.find({}), "the flow table of shard 2 was touched by shard 0");
  EXPECT_DEATH(core.neighbours.learn(core, 1, 2, true), "the neighbour table of shard 2");
  EXPECT_DEATH(core.icmp_limit.take(0), "a rate limit of shard 2");
  Packet p = core.opened(udp_frame("x"));
  EXPECT_DEATH(core.reassembly.add(core, p), "the reassembly table of shard 2");
  EXPECT_DEATH(core.paths.mtu(1, 1500, 0), "the table of paths of shard 2");
  EXPECT_DEATH(core.deliver(p), "a list of datagrams of shard 2");
  EXPECT_DEATH(core.transmit(p), "a list of frames of shard 2");
  EXPECT_DEATH(core.spawn(nodes::Slot::reply, p), "a list of packets of shard 2");
}

}  // namespace
}  // namespace weft::test
