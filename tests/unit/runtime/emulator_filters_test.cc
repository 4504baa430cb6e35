// The cards' real filter limits, rule by rule (issue B, check 5).
#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

plan::Filter plain(std::uint32_t number, unsigned queue) {  // as ntuple5 wants it
  return five_tuple(number, queue, 0, 1, true);
}

TEST(Emulator82599, PlainRuleGoesToTheNtupleTableAndHits) {
  Bench bench("intel_82599", 64);
  bench.start();
  ASSERT_EQ(create(bench, plain(1, 33)).error, 0);
  EXPECT_EQ(bench.card->rules_in("ntuple5"), 1U);
  EXPECT_EQ(bench.card->rules_in("fdir"), 0U);
  const Received got = bench.one(build(frame_of(1)));
  EXPECT_EQ(got.queue, 33);
  EXPECT_FALSE(got.flags & (RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_FDIR_ID));
  EXPECT_LT(bench.one(build(frame_of(2))).queue, 16) << "RSS reaches 16 queues";
}

TEST(Emulator82599, The129thPlainRuleIsRefusedAndDoesNotFallThrough) {
  Bench bench("intel_82599", 4);
  bench.start();
  for (unsigned i = 0; i < 128; ++i) ASSERT_EQ(create(bench, plain(i, i % 4)).error, 0) << i;
  const Outcome full = create(bench, plain(128, 1));
  EXPECT_EQ(full.error, ENOSPC);
  EXPECT_EQ(full.message, "ntuple5: all 128 rules are in use");
  EXPECT_EQ(bench.card->rules_in("fdir"), 0U);
  rte_flow_error error{};
  auto rule = ports::flow_rule(plain(128, 1), {});
  EXPECT_EQ(bench.control().flow_validate((*rule)->attr, (*rule)->items.data(),
                                          (*rule)->actions.data(), error),
            0)
      << "validate looks at the rule alone, as the driver's does";
}

TEST(Emulator82599, RoomComesBackWithDestroy) {
  Bench bench("intel_82599", 4);
  bench.start();
  rte_flow* first = create(bench, plain(0, 1)).flow;
  for (unsigned i = 1; i < 128; ++i) ASSERT_EQ(create(bench, plain(i, 1)).error, 0);
  rte_flow_error error{};
  EXPECT_EQ(bench.control().flow_destroy(first, error), 0);
  EXPECT_EQ(create(bench, plain(128, 3)).error, 0);
  EXPECT_EQ(bench.control().flow_destroy(first, error), -ENOENT) << "destroyed twice";
  EXPECT_EQ(bench.one(build(frame_of(128))).queue, 3);
}

TEST(Emulator82599, FlowDirectorIsReachedWithQueueAndMarkOnly) {
  Bench bench("intel_82599", 4);
  bench.start();
  const Outcome unmarked = create(bench, five_tuple(1, 2));
  EXPECT_EQ(unmarked.error, EINVAL) << "a plain rule belongs to ntuple5, and has no priority";
  EXPECT_EQ(bench.card->rules_in("fdir"), 0U);
  ASSERT_EQ(create(bench, five_tuple(1, 2, 77)).error, 0);
  EXPECT_EQ(bench.card->rules_in("fdir"), 1U);
  EXPECT_EQ(bench.card->rules_in("ntuple5"), 0U);
  const Received got = bench.one(build(frame_of(1)));
  EXPECT_EQ(got.queue, 2);
  EXPECT_FALSE(got.flags & (RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID))
      << "receive never reports the mark";
}

TEST(Emulator82599, FlowDirectorHasOneMask) {
  Bench bench("intel_82599", 4);
  bench.start();
  rte_flow* first = create(bench, five_tuple(1, 2, 1)).flow;
  ASSERT_NE(first, nullptr);
  plan::Filter subnet = five_tuple(0x200, 1, 2);
  subnet.match["ipv4.src"] = {0x0a020000, 0xffff0000};
  const Outcome second = create(bench, subnet);
  EXPECT_EQ(second.error, EINVAL);
  EXPECT_EQ(second.type, RTE_FLOW_ERROR_TYPE_ITEM_MASK);
  EXPECT_EQ(second.message, "fdir: all rules share one mask, and it is another one");
  plan::Filter fewer = five_tuple(3, 1, 2);
  fewer.match.erase("udp.src_port");
  EXPECT_EQ(create(bench, fewer).error, EINVAL);
  // With the last rule the mask goes too (ixgbe_flow.c ixgbe_flow_destroy).
  rte_flow_error error{};
  ASSERT_EQ(bench.control().flow_destroy(first, error), 0);
  EXPECT_EQ(create(bench, subnet).error, 0);
  UdpFrame f = frame_of(0);
  f.src = 0x0a02abcd;
  EXPECT_EQ(bench.one(build(f)).queue, 1);
}

TEST(Emulator82599, FlowDirectorHolds2046) {
  Bench bench("intel_82599", 4);
  bench.start();
  for (unsigned i = 0; i < 2046; ++i)
    ASSERT_EQ(create(bench, five_tuple(i, i % 4, i + 1)).error, 0) << i;
  EXPECT_EQ(create(bench, five_tuple(2046, 0, 1)).error, ENOSPC);
  for (unsigned i = 0; i < 128; ++i) ASSERT_EQ(create(bench, plain(5000 + i, 1)).error, 0);
  for (unsigned i = 0; i < 2046; i += 31)
    EXPECT_EQ(bench.one(build(frame_of(i))).queue, i % 4) << i;
  EXPECT_TRUE(bench.one(build(frame_of(3000))).flags & RTE_MBUF_F_RX_RSS_HASH) << "no rule";
}

// Of rules that a frame could hit the foremost counts, whichever was there first; rte_flow counts
// from 0, the 82599's registers down from 7.
TEST(EmulatorOrder, TheForemostRuleIsHit) {
  for (const auto& [nic, front, behind] :
       {std::tuple{"mellanox_connectx5", 0u, 3u}, {"ideal", 2u, 7u}, {"intel_82599", 7u, 1u}}) {
    const bool in_full = std::string(nic) == "intel_82599";
    for (const bool wide_first : {true, false}) {
      Bench bench(nic, 4);
      bench.start();
      plan::Filter wide = five_tuple(1, 1, 0, behind, in_full);
      wide.match.erase("ipv4.src");
      wide.match.erase("udp.src_port");
      const plan::Filter narrow = five_tuple(1, 2, 0, front, in_full);
      plan::Filter beside = five_tuple(2, 3, 0, behind, in_full);
      for (const plan::Filter& f : {wide_first ? wide : narrow, wide_first ? narrow : wide})
        ASSERT_EQ(create(bench, f).error, 0) << nic;
      EXPECT_EQ(create(bench, beside).error, EEXIST) << nic << ": neither would be in front";
      EXPECT_EQ(bench.one(build(frame_of(1))).queue, 2) << nic;
      EXPECT_EQ(bench.one(build(frame_of(2))).queue, 1) << nic;
    }
  }
}

TEST(Emulator82599, NtupleShapes) {
  Bench bench("intel_82599", 4);
  bench.start();
  plan::Filter partial = plain(1, 1);
  partial.match["ipv4.src"] = {0x0a000000, 0xff000000};
  EXPECT_EQ(create(bench, partial).error, EINVAL);
  plan::Filter no_source = plain(1, 1);
  no_source.match.erase("udp.src_port");
  EXPECT_EQ(create(bench, no_source).error, 0) << "a field may be left out";
  plan::Filter low = plain(2, 1);
  low.priority = 0;
  EXPECT_EQ(create(bench, low).type, RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY);
  low.priority = 8;
  EXPECT_EQ(create(bench, low).type, RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY);
  low.priority = 7;
  EXPECT_EQ(create(bench, low).error, 0);
  plan::Filter unsaid = plain(3, 1);  // the UDP item says the protocol
  unsaid.match.erase("ipv4.protocol");
  EXPECT_EQ(create(bench, unsaid).error, 0);
}

TEST(Emulator82599, PriorityDecidesBetweenOverlappingRules) {
  Bench bench("intel_82599", 4);
  bench.start();
  plan::Filter wide = plain(1, 1);
  wide.match.erase("ipv4.src");
  ASSERT_EQ(create(bench, wide).error, 0);
  EXPECT_EQ(create(bench, plain(1, 2)).error, EEXIST) << "same priority: nobody says which wins";
  plan::Filter narrow = plain(1, 2);
  narrow.priority = 5;
  ASSERT_EQ(create(bench, narrow).error, 0);
  EXPECT_EQ(bench.one(build(frame_of(1))).queue, 2);
  EXPECT_EQ(bench.one(build(frame_of(2))).queue, 1);
}

TEST(EmulatorFilters, TheSameRuleTwiceIsRefused) {
  Bench bench("intel_82599", 4);
  bench.start();
  ASSERT_EQ(create(bench, plain(1, 1)).error, 0);
  EXPECT_EQ(create(bench, plain(1, 3)).error, EEXIST);
  ASSERT_EQ(create(bench, five_tuple(1, 1, 9)).error, 0) << "another table";
  EXPECT_EQ(create(bench, five_tuple(1, 2, 8)).error, EEXIST);
}

TEST(EmulatorFilters, FragmentsMissRulesWithPorts) {
  for (const char* name : {"intel_82599", "intel_e810", "ideal"}) {
    Bench bench(name, 4);
    bench.start();
    ASSERT_EQ(create(bench, five_tuple(1, 3, 5)).error, 0) << name;
    UdpFrame f = frame_of(1);
    f.vlan = 100;
    EXPECT_EQ(bench.one(build(f)).queue, 3) << name << ": behind one tag";
    for (const std::uint16_t fragment : {0x2000, 0x0010, 0x2010}) {
      f.fragment = fragment;
      const Received got = bench.one(build(f));
      EXPECT_FALSE(got.flags & RTE_MBUF_F_RX_FDIR_ID) << name;
      EXPECT_EQ(got.bytes, build(f));
    }
  }
}

TEST(EmulatorE810, MarkIsReportedAndMasksAreFullOrNone) {
  Bench bench("intel_e810", 8);
  bench.start();
  plan::Filter partial = five_tuple(1, 1);
  partial.match["ipv4.src"] = {0x0a000000, 0xff000000};
  EXPECT_EQ(create(bench, partial).error, EINVAL);
  ASSERT_EQ(create(bench, five_tuple(1, 7, 0xcafe)).error, 0);
  const Received got = bench.one(build(frame_of(1)));
  EXPECT_EQ(got.queue, 7);
  EXPECT_TRUE(got.flags & RTE_MBUF_F_RX_FDIR_ID);
  EXPECT_EQ(got.mark, 0xcafeU);
  ASSERT_EQ(create(bench, five_tuple(2, 6)).error, 0) << "needs no mark";
  EXPECT_FALSE(bench.one(build(frame_of(2))).flags & RTE_MBUF_F_RX_FDIR_ID);
  plan::Filter fewer = five_tuple(3, 1);
  fewer.match.erase("udp.src_port");
  EXPECT_EQ(create(bench, fewer).error, EINVAL) << "one input set for the flow type";
}

TEST(EmulatorIdeal, MasksOfEveryKindSideBySide) {
  Bench bench("ideal", 8);
  bench.start();
  ASSERT_EQ(create(bench, five_tuple(1, 7, 11)).error, 0);
  plan::Filter subnet;
  subnet.id = "subnet";
  subnet.match["ipv4.src"] = {0x0a050000, 0xffff0000};
  subnet.match["udp.dst_port"] = {0x8000, 0x8000};
  subnet.queue = 5;
  subnet.mark = 12;
  ASSERT_EQ(create(bench, subnet).error, 0);
  EXPECT_EQ(bench.one(build(frame_of(1))).mark, 11U);
  UdpFrame f;
  f.src = 0x0a05ffff;
  f.dst_port = 0x9000;
  EXPECT_EQ(bench.one(build(f)).mark, 12U);
  f.dst_port = 0x7000;
  EXPECT_FALSE(bench.one(build(f)).flags & RTE_MBUF_F_RX_FDIR_ID);
  plan::Filter across = five_tuple(0x40123, 3);  // 10.5.1.35, inside the subnet
  across.match["udp.dst_port"] = {0xffff, 0xffff};
  EXPECT_EQ(create(bench, across).error, EEXIST) << "overlaps a rule of another mask";
}

TEST(EmulatorFilters, CardsWithoutTablesRefuse) {
  for (const char* name : {"none", "tap"}) {
    Bench bench(name, 1);
    bench.start();
    EXPECT_EQ(create(bench, five_tuple(1, 0)).error, ENOTSUP) << name;
  }
}

// Each refusal that has nothing to do with a table.
TEST(EmulatorFilters, RefusesWhatTheLanguageHasNoWordFor) {
  Bench bench("intel_e810", 4);
  bench.start();
  auto made = ports::flow_rule(five_tuple(1, 1), {});
  ASSERT_TRUE(made);
  ports::FlowRule& rule = **made;
  const auto attempt = [&](rte_flow_attr attr) {
    return create(bench, attr, rule.items.data(), rule.actions.data());
  };
  rte_flow_attr attr = rule.attr;
  attr.egress = 1;
  EXPECT_EQ(attempt(attr).type, RTE_FLOW_ERROR_TYPE_ATTR_EGRESS);
  attr = rule.attr;
  attr.transfer = 1;
  EXPECT_EQ(attempt(attr).type, RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER);
  attr = rule.attr;
  attr.group = 1;
  EXPECT_EQ(attempt(attr).type, RTE_FLOW_ERROR_TYPE_ATTR_GROUP);
  attr = rule.attr;
  attr.ingress = 0;
  EXPECT_EQ(attempt(attr).type, RTE_FLOW_ERROR_TYPE_ATTR_INGRESS);
  attr = rule.attr;
  attr.priority = 2;
  EXPECT_EQ(attempt(attr).type, RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY);

  const auto with_items = [&](std::vector<rte_flow_item> items) {
    items.push_back({.type = RTE_FLOW_ITEM_TYPE_END});
    return create(bench, rule.attr, items.data(), rule.actions.data());
  };
  const rte_flow_item eth = rule.items[0], ipv4 = rule.items[1], udp = rule.items[2];
  EXPECT_EQ(with_items({eth, {.type = RTE_FLOW_ITEM_TYPE_IPV6}}).type, RTE_FLOW_ERROR_TYPE_ITEM);
  EXPECT_EQ(with_items({eth, udp}).type, RTE_FLOW_ERROR_TYPE_ITEM) << "UDP without IPv4";
  EXPECT_EQ(with_items({eth, udp, ipv4}).type, RTE_FLOW_ERROR_TYPE_ITEM) << "out of order";
  const Outcome others = with_items({eth, ipv4});
  EXPECT_EQ(others.error, 0) << "other protocols are a type of their own";
  rte_flow_error error{};
  EXPECT_EQ(bench.control().flow_destroy(others.flow, error), 0);
  rte_flow_item range = udp;
  range.last = udp.spec;
  EXPECT_EQ(with_items({eth, ipv4, range}).type, RTE_FLOW_ERROR_TYPE_ITEM_LAST);
  rte_flow_item maskless = udp;
  maskless.spec = nullptr;
  EXPECT_EQ(with_items({eth, ipv4, maskless}).type, RTE_FLOW_ERROR_TYPE_ITEM_MASK);
  rte_flow_item_tcp tcp_bits{};
  tcp_bits.hdr.tcp_flags = 0x02;
  EXPECT_NE(with_items({eth, ipv4, {RTE_FLOW_ITEM_TYPE_TCP, &tcp_bits, nullptr, &tcp_bits}}).error,
            0);

  const auto with_actions = [&](std::vector<rte_flow_action> actions) {
    actions.push_back({.type = RTE_FLOW_ACTION_TYPE_END});
    return create(bench, rule.attr, rule.items.data(), actions.data());
  };
  const rte_flow_action queue = rule.actions[0];
  EXPECT_EQ(with_actions({}).type, RTE_FLOW_ERROR_TYPE_ACTION);
  EXPECT_EQ(with_actions({queue, queue}).type, RTE_FLOW_ERROR_TYPE_ACTION);
  EXPECT_EQ(with_actions({queue, {.type = RTE_FLOW_ACTION_TYPE_PASSTHRU}}).type,
            RTE_FLOW_ERROR_TYPE_ACTION);
  EXPECT_EQ(with_actions({queue, {.type = RTE_FLOW_ACTION_TYPE_DROP}}).type,
            RTE_FLOW_ERROR_TYPE_ACTION);
  const rte_flow_action_queue far = {.index = 4};
  EXPECT_EQ(with_actions({{RTE_FLOW_ACTION_TYPE_QUEUE, &far}}).error, EINVAL) << "queue 4 of 4";
  EXPECT_EQ(bench.card->rules_in("fdir"), 0U);
  EXPECT_EQ(attempt(rule.attr).error, 0) << "the rule itself is fine";
}

TEST(EmulatorFilters, NullMaskMeansTheDefaultMask) {
  Bench bench("ideal", 4);
  bench.start();
  auto made = ports::flow_rule(five_tuple(1, 3), {});
  ASSERT_TRUE(made);
  for (auto& item : (*made)->items) item.mask = nullptr;
  ASSERT_EQ(create(bench, (*made)->attr, (*made)->items.data(), (*made)->actions.data()).error, 0);
  EXPECT_EQ(bench.one(build(frame_of(1))).queue, 3);
  EXPECT_EQ(create(bench, five_tuple(1, 2)).error, EEXIST) << "both ports, both addresses";
}

TEST(EmulatorFilters, DropRulesCountUnderTheirTable) {
  Bench bench("ideal", 4);
  bench.start();
  auto made = ports::flow_rule(five_tuple(1, 3), {});
  ASSERT_TRUE(made);
  const rte_flow_action actions[] = {{.type = RTE_FLOW_ACTION_TYPE_DROP},
                                     {.type = RTE_FLOW_ACTION_TYPE_END}};
  ASSERT_EQ(create(bench, (*made)->attr, (*made)->items.data(), actions).error, 0);
  bench.wire.in.push_back(build(frame_of(1)));
  EXPECT_TRUE(bench.run().empty());
  EXPECT_EQ(bench.dropped("flows"), 1U);
}

TEST(EmulatorFilters, RulesCountWhatTheyCatchWhileThereAreCounters) {
  Bench bench("intel_e810", 4);
  bench.start();
  const auto counting = [&](unsigned i) {
    auto made = ports::flow_rule(five_tuple(i, 1, i + 1), {}, true);
    EXPECT_TRUE((*made)->counts());
    return create(bench, (*made)->attr, (*made)->items.data(), (*made)->actions.data());
  };
  const Outcome one = counting(1), two = counting(2);
  ASSERT_EQ(one.error, 0) << one.message;
  ASSERT_EQ(two.error, 0) << two.message;
  for (unsigned i = 0; i < 3; ++i) bench.one(build(frame_of(1)));
  std::uint64_t hits = 9;
  EXPECT_EQ(bench.control().flow_hits(one.flow, hits), 0);
  EXPECT_EQ(hits, 3u);
  EXPECT_EQ(bench.control().flow_hits(two.flow, hits), 0);
  EXPECT_EQ(hits, 0u);
  for (unsigned i = 3; i <= 256; ++i) ASSERT_EQ(counting(i).error, 0) << i;
  EXPECT_EQ(counting(257).error, ENOSPC) << "the driver has one pool of 256";
  const Outcome plain = create(bench, five_tuple(258, 1, 1));
  EXPECT_EQ(plain.error, 0) << "rules without one still fit";
  EXPECT_EQ(bench.control().flow_hits(plain.flow, hits), -ENOTSUP);
  rte_flow_error error{};
  EXPECT_EQ(bench.control().flow_destroy(two.flow, error), 0);
  EXPECT_EQ(counting(257).error, 0) << "its counter is free again";
}

}  // namespace
}  // namespace weft::test
