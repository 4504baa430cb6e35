// Rules that name several queues: what cards take, and where packets then arrive.
#include <map>

#include "runtime/emulator/rss.h"
#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

// UDP to port 7, to these queues.
plan::Filter to(std::vector<unsigned> queues) {
  plan::Filter f;
  f.id = "s0";
  f.match["udp.dst_port"] = {7, 0xffff};
  f.queue = queues.front();
  f.group = std::move(queues);
  return f;
}

// As the bench switches it on.
ports::Hashing hashing_of(Bench& bench) {
  rte_eth_dev_info info{};
  bench.control().info(info);
  return {emulator::default_rss_key(info.hash_key_size), info.flow_type_rss_offloads};
}

Outcome create(Bench& bench, const plan::Filter& filter, const ports::Hashing& hashing) {
  auto rule = ports::flow_rule(filter, hashing);
  EXPECT_TRUE(rule);
  return create(bench, (*rule)->attr, (*rule)->items.data(), (*rule)->actions.data());
}

TEST(EmulatorGroups, TheHashPicksAQueueOfTheGroup) {
  // The same card without the rule says what the hash is: it has one queue for each of 64 entries.
  Bench plain("ideal", 64), bench("ideal", 64);
  plain.start();
  bench.start();
  const Outcome made = create(bench, to({9, 3, 20}), hashing_of(bench));
  ASSERT_EQ(made.error, 0) << made.message;
  const unsigned queues[] = {9, 3, 20};
  std::map<unsigned, unsigned> on;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const Received hashed = plain.one(build(frame_of(i)));
    const Received got = bench.one(build(frame_of(i)));
    ASSERT_TRUE(hashed.flags & RTE_MBUF_F_RX_RSS_HASH);
    EXPECT_EQ(got.queue, queues[hashed.hash % 512 % 3]) << i;
    ++on[got.queue];
  }
  EXPECT_EQ(on.size(), 3u);
  rte_flow_error error{};
  ASSERT_EQ(bench.control().flow_destroy(made.flow, error), 0);
  EXPECT_EQ(bench.one(build(frame_of(5))).queue, plain.one(build(frame_of(5))).queue);
}

TEST(EmulatorGroups, WhereNobodySaysAnyOfThemGetsIt) {
  Bench bench("intel_e810", 16);
  bench.start();
  ASSERT_EQ(create(bench, to({4, 5, 6, 7}), hashing_of(bench)).error, 0);
  std::map<unsigned, unsigned> on;
  for (std::uint32_t i = 0; i < 100; ++i) ++on[bench.one(build(frame_of(i))).queue];
  EXPECT_EQ(on.size(), 4u);
  EXPECT_EQ(on.begin()->first, 4u);
  EXPECT_EQ(on.rbegin()->first, 7u);
}

TEST(EmulatorGroups, LimitsAreThoseOfTheCard) {
  Bench e810("intel_e810", 16);
  e810.start();
  const ports::Hashing hashing = hashing_of(e810);
  const auto message = [&](std::vector<unsigned> queues) {
    return create(e810, to(std::move(queues)), hashing).message;
  };
  EXPECT_EQ(message({4, 5, 6}), "fdir: the number of queues in a group must be a power of two");
  EXPECT_EQ(message({4, 6}), "fdir: the queues of a group must be one behind the other");
  EXPECT_EQ(message({5, 4}), "fdir: the queues of a group must be one behind the other");
  EXPECT_EQ(message({4}), "fdir: too few queues in the group");
  EXPECT_EQ(message({15, 16}), "queue 16 of 16");
  ports::Hashing other = hashing;
  other.key[0] ^= 1;
  EXPECT_EQ(create(e810, to({4, 5}), other).message,
            "a group is hashed by the card's key and types");
  Bench i350("intel_i350", 4);
  i350.start();
  const Outcome none = create(i350, to({1, 2}), hashing_of(i350));
  EXPECT_EQ(none.error, ENOTSUP) << none.message;
  EXPECT_NE(none.message.find("no RSS action with queues"), std::string::npos) << none.message;
}

TEST(EmulatorGroups, AsManyAsThereAre) {
  ir::NicModel nic = model("ideal");
  nic.receive.node(*nic.receive.find("flows")).config.table->groups->count = 1;
  Bench bench(std::move(nic), 8, {});
  bench.start();
  const Outcome first = create(bench, to({1, 2}), hashing_of(bench));
  ASSERT_EQ(first.error, 0);
  plan::Filter second = to({3, 4});
  second.match["udp.dst_port"] = {8, 0xffff};
  EXPECT_EQ(create(bench, second, hashing_of(bench)).message, "flows: all 1 groups are in use");
  rte_flow_error error{};
  ASSERT_EQ(bench.control().flow_destroy(first.flow, error), 0);
  EXPECT_EQ(create(bench, second, hashing_of(bench)).error, 0);
}

// All of a protocol to these queues: a queue region of XL710.
plan::Filter all_of(std::uint64_t protocol, std::vector<unsigned> queues) {
  plan::Filter f = to(std::move(queues));
  f.match = {{"ipv4.protocol", {protocol, 0xff}}};
  return f;
}

TEST(EmulatorGroups, OfAProtocolAreSpreadByTheTable) {
  Bench plain("intel_xl710", 8), bench("intel_xl710", 8);
  plain.start();
  bench.start();
  ASSERT_EQ(create(bench, all_of(17, {4, 5, 6, 7}), hashing_of(bench)).error, 0);
  std::map<unsigned, unsigned> on;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const Received by_table = plain.one(build(frame_of(i)));
    const Received got = bench.one(build(frame_of(i)));
    EXPECT_EQ(got.queue, 4 + by_table.queue % 4) << i;
    ++on[got.queue];
    UdpFrame other = frame_of(i);  // other packets are in no region: fragments, other protocols
    if (i % 2 == 0) other.fragment = 0x2000;
    if (i % 2 != 0) other.protocol = 132;
    EXPECT_EQ(bench.one(build(other)).queue, plain.one(build(other)).queue) << i;
  }
  EXPECT_EQ(on.size(), 4u);
}

TEST(EmulatorGroups, OfAProtocolHaveLimits) {
  ir::NicModel nic = model("intel_xl710");
  nic.receive.node(*nic.receive.find("regions")).config.table->capacity = 1;
  Bench bench(std::move(nic), 8, {});
  bench.start();
  const auto message = [&](std::uint64_t protocol, std::vector<unsigned> queues) {
    return create(bench, all_of(protocol, std::move(queues)), hashing_of(bench)).message;
  };
  EXPECT_EQ(message(6, {4, 5, 6}),
            "regions: the number of queues in a group must be a power of two");
  EXPECT_EQ(message(6, {4, 6}), "regions: the queues of a group must be one behind the other");
  EXPECT_EQ(message(6, {7, 8}), "queue 8 of 8");
  plan::Filter port = to({4, 5});
  EXPECT_NE(create(bench, port, hashing_of(bench)).error, 0) << "no region for a port";
  const Outcome first = create(bench, all_of(6, {4}), hashing_of(bench));
  EXPECT_EQ(first.error, 0) << first.message << ": one queue is a region, too";
  EXPECT_EQ(message(17, {6, 7}), "regions: all 1 rules are in use");
  rte_flow_error error{};
  ASSERT_EQ(bench.control().flow_destroy(first.flow, error), 0);
  EXPECT_EQ(message(17, {6, 7}), "");
}

}  // namespace
}  // namespace weft::test
