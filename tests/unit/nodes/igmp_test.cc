// Groups: who hears what, and what routers are told (RFC 3376, RFC 2236).
#include <gtest/gtest.h>

#include "stack-nodes/igmp/checksum_ok.h"
#include "stack-nodes/igmp/take.h"
#include "stack-nodes/udp/find_members.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

constexpr std::uint32_t group = 0xef010203;  // 239.1.2.3
constexpr std::uint32_t s1 = 0x0a000011, s2 = 0x0a000012, s3 = 0x0a000013;
constexpr std::uint64_t ms = 1'000'000, second = 1'000 * ms;
using igmp::Record;

GroupFilter all_but(std::vector<std::uint32_t> sources = {}) { return {true, std::move(sources)}; }
GroupFilter only(std::vector<std::uint32_t> sources) { return {false, std::move(sources)}; }

TEST(group_table, filters_of_members_are_merged) {
  GroupTable t;
  EXPECT_TRUE(t.set(group, {1, 5000, 5000, only({s2, s1})}));
  EXPECT_EQ(t.merged(group), only({s1, s2}));
  EXPECT_TRUE(t.set(group, {2, 5000, 5000, only({s3})}));
  EXPECT_EQ(t.merged(group), only({s1, s2, s3}));
  EXPECT_TRUE(t.set(group, {3, 5000, 5000, all_but({s1, s2})}));
  EXPECT_EQ(t.merged(group), all_but());  // both are wanted by the first
  EXPECT_TRUE(t.set(group, {1, 5000, 5000, only({s1})}));
  EXPECT_EQ(t.merged(group), all_but({s2}));
  EXPECT_TRUE(t.set(group, {4, 5000, 5000, all_but({s2, s3})}));
  EXPECT_EQ(t.merged(group), all_but({s2}));
  for (std::uint16_t endpoint = 1; endpoint <= 4; ++endpoint)
    EXPECT_TRUE(t.set(group, {endpoint, 0, 0, {}}));
  EXPECT_TRUE(t.merged(group).nothing());
  EXPECT_FALSE(t.joined(group));
}

TEST(group_table, is_bounded) {
  GroupTable t;
  for (std::uint32_t i = 0; i < GroupTable::most_groups; ++i)
    EXPECT_TRUE(t.set(0xef000000 + i, {1, 1, 1, all_but()}));
  EXPECT_FALSE(t.set(0xef100000, {1, 1, 1, all_but()}));
  EXPECT_TRUE(t.set(0xef000000, {2, 1, 1, all_but()}));
  EXPECT_FALSE(t.set(0xef000000, {2, 1, 1, only(std::vector<std::uint32_t>(65, 1))}));
}

struct Groups : testing::Test {
  Groups() {
    core.igmp.reseed(1);
    core.host.multicast = 1;
  }

  void join(std::uint16_t endpoint, GroupFilter filter) {
    ASSERT_TRUE(core.groups.set(group, {endpoint, 5000, 5000, std::move(filter)}));
    core.igmp.change(core.now_ns, group, core.groups.merged(group));
  }

  // A message as it is seen on the wire, in words: "v3: to_ex 239.1.2.3 s1 s2".
  struct Sent {
    std::uint64_t at_ms;
    std::uint32_t dst;
    std::string text;
  };
  static std::string name(std::uint32_t a) {
    return a == group ? "G" : a == s1 ? "s1" : a == s2 ? "s2" : a == s3 ? "s3" : std::to_string(a);
  }
  static std::string text_of(const Packet& p) {
    const std::uint8_t* m = p.data + p.l4;
    if (m[0] != igmp::report_v3)
      return (m[0] == igmp::report_v2   ? "v2 "
              : m[0] == igmp::report_v1 ? "v1 "
                                        : "leave ") +
             name(wire::load32(m + 4));
    std::string out;
    std::size_t at = 8;
    constexpr const char* names[] = {"", "is_in", "is_ex", "to_in", "to_ex", "allow", "block"};
    for (unsigned r = wire::load16(m + 6); r > 0; --r) {
      out += (out.empty() ? "" : ", ") + std::string(names[m[at]]) + " " +
             name(wire::load32(m + at + 4));
      const unsigned sources = wire::load16(m + at + 2);
      for (unsigned s = 0; s < sources; ++s) out += " " + name(wire::load32(m + at + 8 + 4 * s));
      at += 8 + 4 * sources;
    }
    EXPECT_EQ(p.l4 + at, p.len);
    return out;
  }
  // RFC 3376 section 4: what all messages have.
  void check(const Packet& p) {
    const std::uint8_t* ip = p.data + p.l3;
    EXPECT_EQ(ip[0], 0x46);
    EXPECT_EQ(ip[1], 0xc0);
    EXPECT_EQ(ip[8], 1) << "time to live";
    EXPECT_EQ(ip[9], 2);
    EXPECT_EQ(wire::load32(ip + 20), 0x94040000u) << "Router Alert";
    EXPECT_EQ(slow_sum(Bytes(ip, ip + 24)), 0xffff);
    EXPECT_EQ(slow_sum(Bytes(p.data + p.l4, p.data + p.len)), 0xffff);
    EXPECT_EQ(wire::load16(ip + 2), p.len - 14);
  }
  // Runs for so long, and gives what was sent.
  std::vector<Sent> run(std::uint64_t time_ns) {
    std::vector<Sent> sent;
    const std::uint64_t begin = core.now_ns;
    for (; core.now_ns <= begin + time_ns; core.now_ns += 100 * ms) {
      core.igmp.age(core);
      PacketList& list = core.slot(nodes::Slot::igmp_send);
      for (unsigned i = 0; i < list.count; ++i) {
        check(list.packets[i]);
        sent.push_back({(core.now_ns - begin) / ms, wire::load32(list.packets[i].data + 30),
                        text_of(list.packets[i])});
        core.release(list.packets[i]);
      }
      list.count = 0;
    }
    return sent;
  }
  std::vector<std::string> texts(std::uint64_t time_ns) {
    std::vector<std::string> out;
    for (const Sent& s : run(time_ns)) out.push_back(s.text);
    return out;
  }

  // version 3: `tail` is what follows the group.
  bool query(std::uint32_t about, std::uint8_t code, Bytes tail = {2, 125, 0, 0}) {
    Bytes m = {0x11, code, 0, 0};
    for (int shift = 24; shift >= 0; shift -= 8)
      m.push_back(static_cast<std::uint8_t>(about >> shift));
    m.insert(m.end(), tail.begin(), tail.end());
    return take(m);
  }
  bool take(Bytes m) {
    const std::uint16_t sum = slow_checksum(m);
    m[2] = static_cast<std::uint8_t>(sum >> 8);
    m[3] = static_cast<std::uint8_t>(sum);
    Packet p = core.opened(PacketBuilder(m)
                               .ipv4({.dst = igmp::all_hosts, .protocol = 2, .ttl = 1})
                               .eth(0x0800)
                               .bytes());
    EXPECT_TRUE(nodes::igmp::ChecksumOk::run(p, core));
    const bool heard = nodes::igmp::Take::run(p, core) == nodes::igmp::Take::Out::heard;
    core.release(p);
    return heard;
  }
  static Bytes sources(std::vector<std::uint32_t> list) {
    Bytes tail = {2, 125, 0, static_cast<std::uint8_t>(list.size())};
    for (const std::uint32_t s : list) {
      for (int shift = 24; shift >= 0; shift -= 8)
        tail.push_back(static_cast<std::uint8_t>(s >> shift));
    }
    return tail;
  }

  TestCore core;
};

using Texts = std::vector<std::string>;

// Section 5.1: a change is told twice, the second time within a second.
TEST_F(Groups, joining_and_leaving_is_told_twice) {
  join(1, all_but());
  const auto sent = run(3 * second);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].at_ms, 0u);
  EXPECT_LE(sent[1].at_ms, 1100u);
  for (const Sent& s : sent) {
    EXPECT_EQ(s.text, "to_ex G");
    EXPECT_EQ(s.dst, igmp::v3_routers);
  }
  join(1, {});
  EXPECT_EQ(texts(3 * second), (Texts{"to_in G", "to_in G"}));
  EXPECT_EQ(core.igmp.size(), 0u);
}

TEST_F(Groups, sources_that_come_and_go_are_told_as_such) {
  join(1, only({s1, s2}));
  EXPECT_EQ(texts(3 * second), (Texts{"allow G s1 s2", "allow G s1 s2"}));
  join(1, only({s2, s3}));
  EXPECT_EQ(texts(3 * second), (Texts{"allow G s3, block G s1", "allow G s3, block G s1"}));
  join(2, all_but({s1}));
  EXPECT_EQ(texts(3 * second), (Texts{"to_ex G s1", "to_ex G s1"}));
  join(2, all_but({s1, 9}));
  EXPECT_EQ(texts(3 * second), (Texts{"block G 9", "block G 9"}));
  join(2, {});
  EXPECT_EQ(texts(3 * second), (Texts{"to_in G s2 s3", "to_in G s2 s3"}));
}

TEST_F(Groups, queries_are_answered_within_the_time_they_give) {
  join(1, all_but({s1}));
  run(3 * second);
  for (unsigned round = 0; round < 20; ++round) {
    EXPECT_TRUE(query(0, 30));  // 3 s
    const auto sent = run(4 * second);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].text, "is_ex G s1");
    EXPECT_LE(sent[0].at_ms, 3100u);
  }
  EXPECT_TRUE(query(group, 10));
  EXPECT_EQ(texts(2 * second), Texts{"is_ex G s1"});
  EXPECT_FALSE(query(group + 1, 10));
  EXPECT_EQ(texts(2 * second), Texts{});
}

// Section 5.2: of the sources asked for, those that are wanted; several questions, one answer.
TEST_F(Groups, queries_about_sources) {
  join(1, only({s1, s2}));
  run(3 * second);
  EXPECT_TRUE(query(group, 10, sources({s2, s3})));
  EXPECT_EQ(texts(2 * second), Texts{"is_in G s2"});
  EXPECT_TRUE(query(group, 10, sources({s3})));
  EXPECT_EQ(texts(2 * second), Texts{});
  EXPECT_TRUE(query(group, 10, sources({s1})));
  EXPECT_TRUE(query(group, 10, sources({s2})));
  EXPECT_EQ(texts(2 * second), Texts{"is_in G s1 s2"});
  EXPECT_TRUE(query(group, 10, sources({s1})));
  EXPECT_TRUE(query(group, 10));
  EXPECT_EQ(texts(2 * second), Texts{"is_in G s1 s2"});
  join(1, all_but({s1}));
  run(3 * second);
  EXPECT_TRUE(query(group, 10, sources({s1, s2})));
  EXPECT_EQ(texts(2 * second), Texts{"is_in G s2"});
}

TEST_F(Groups, a_source_list_that_lies_about_its_length) {
  join(1, all_but());
  run(3 * second);
  Bytes tail = sources({s1});
  tail[2] = 0xff;  // 65,281 sources
  EXPECT_TRUE(query(group, 10, tail));
  EXPECT_EQ(texts(2 * second), Texts{"is_in G s1"});
}

TEST_F(Groups, robustness_is_the_queriers) {
  EXPECT_TRUE(query(0, 10, {4, 125, 0, 0}));
  run(2 * second);
  join(1, all_but());
  EXPECT_EQ(texts(10 * second).size(), 4u);
}

// Section 7.2: as the oldest querier speaks, until it has been silent for long enough.
TEST_F(Groups, older_queriers_are_spoken_to_in_their_version) {
  join(1, all_but());
  run(3 * second);
  EXPECT_TRUE(query(0, 20, {}));  // version 2
  const auto sent = run(3 * second);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].text, "v2 G");
  EXPECT_EQ(sent[0].dst, group);
  join(1, {});
  const auto left = run(3 * second);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].text, "leave G");
  EXPECT_EQ(left[0].dst, igmp::all_routers);
  join(1, all_but());
  EXPECT_EQ(texts(25 * second), (Texts{"v2 G", "v2 G"}));
  EXPECT_TRUE(query(0, 0, {}));  // version 1
  EXPECT_EQ(texts(11 * second), Texts{"v1 G"});
  join(1, {});
  EXPECT_EQ(texts(3 * second), Texts{});  // version 1 knows no leaving
  EXPECT_EQ(core.igmp.version(core.now_ns), 1u);
  run(270 * second);
  EXPECT_EQ(core.igmp.version(core.now_ns), 3u);
  join(1, all_but());
  EXPECT_EQ(texts(3 * second), (Texts{"to_ex G", "to_ex G"}));
}

TEST_F(Groups, another_hosts_report_is_enough_for_version_2) {
  join(1, all_but());
  run(3 * second);
  Bytes report = {0x16, 0, 0, 0, 0xef, 1, 2, 3};
  EXPECT_TRUE(query(0, 10));
  EXPECT_TRUE(take(report));  // version 3 hosts report for themselves
  EXPECT_EQ(texts(2 * second), Texts{"is_ex G"});
  EXPECT_TRUE(query(0, 100, {}));
  EXPECT_TRUE(take(report));
  EXPECT_EQ(texts(12 * second), Texts{});
  join(1, {});
  EXPECT_EQ(texts(3 * second), Texts{});  // somebody else is there: no leave
}

TEST_F(Groups, no_buffer_is_no_loss) {
  core.heap.refuse = true;
  join(1, all_but());
  EXPECT_EQ(texts(3 * second), Texts{});
  EXPECT_GE(core.igmp.counters().no_buffer, 1u);
  core.heap.refuse = false;
  EXPECT_EQ(texts(3 * second), (Texts{"to_ex G", "to_ex G"}));
}

// However often sources change within a second, a report stays short.
TEST_F(Groups, sources_that_change_all_the_time) {
  for (std::uint32_t i = 0; i < 300; ++i) {
    std::vector<std::uint32_t> wanted;
    for (std::uint32_t s = 0; s < GroupTable::most_sources; ++s) wanted.push_back(1000 * i + s + 1);
    join(static_cast<std::uint16_t>(i % 3), only(wanted));
  }
  for (const Sent& s : run(3 * second)) EXPECT_LT(s.text.size(), 1200u);
}

TEST_F(Groups, many_groups_in_several_messages) {
  for (std::uint32_t i = 0; i < 500; ++i) {
    core.groups.set(0xef100000 + i, {1, 5000, 5000, all_but()});
    core.igmp.change(core.now_ns, 0xef100000 + i, all_but());
  }
  core.igmp.age(core);
  PacketList& list = core.slot(nodes::Slot::igmp_send);
  EXPECT_GE(list.count, 3u);
  EXPECT_LE(list.count, 5u);
  unsigned records = 0;
  for (unsigned i = 0; i < list.count; ++i) {
    EXPECT_LE(list.packets[i].len, 1514u);
    records += wire::load16(list.packets[i].data + list.packets[i].l4 + 6);
    core.release(list.packets[i]);
  }
  EXPECT_EQ(records, 500u);
}

TEST_F(Groups, all_hosts_is_never_reported) {
  core.igmp.change(core.now_ns, igmp::all_hosts, all_but());
  EXPECT_EQ(texts(3 * second), Texts{});
}

// One copy for each endpoint that wants it.
TEST_F(Groups, datagrams_go_to_every_member) {
  core.udp_ports.insert(7, 9);
  join(1, all_but());
  join(2, only({peer_address}));
  join(3, all_but({peer_address}));
  Packet p = core.opened(udp_frame("x", {.dst = group}, 4000, 5000));
  using Out = nodes::udp::FindMembers::Out;
  EXPECT_EQ(nodes::udp::FindMembers::run(p, core), Out::hit);
  EXPECT_EQ(p.endpoint, 1);
  PacketList& copies = core.slot(nodes::Slot::udp_copy);
  ASSERT_EQ(copies.count, 1u);
  EXPECT_EQ(copies.packets[0].endpoint, 2);
  EXPECT_EQ(frame_of(copies.packets[0]), frame_of(p));
  EXPECT_NE(copies.packets[0].data, p.data);
  core.release(copies.packets[0]);
  copies.count = 0;
  core.release(p);
  join(1, {});
  join(2, {});
  p = core.opened(udp_frame("x", {.dst = group}, 4000, 5000));
  EXPECT_EQ(nodes::udp::FindMembers::run(p, core), Out::filtered);
  core.release(p);
  p = core.opened(udp_frame("x", {.dst = group}, 4000, 7));
  EXPECT_EQ(nodes::udp::FindMembers::run(p, core), Out::miss);
  core.release(p);
  p = core.opened(udp_frame("x", {.dst = igmp::all_hosts}, 4000, 7));
  EXPECT_EQ(nodes::udp::FindMembers::run(p, core), Out::hit);
  EXPECT_EQ(p.endpoint, 9);
  core.release(p);
}

}  // namespace
}  // namespace weft::test
