// Keys do exactly what is asked, for every packet, and spread well.
#include "compiler/rss/keys.h"

#include <set>

#include "compiler/rss/table.h"
#include "tests/unit/rss/tuples.h"

namespace weft::rss::testing {
namespace {

struct Card {
  const char* name;
  unsigned key_bytes, bits;
};
const Card cards[] = {{"82599", 40, 7}, {"E810", 52, 9}, {"a small one", 40, 6}};

std::vector<unsigned> spread(const Bytes& key, unsigned bits, unsigned packets, unsigned bytes) {
  std::mt19937_64 random(99);
  const Hasher hasher(key, bytes);
  std::vector<unsigned> counts(std::size_t{1} << bits);
  for (unsigned i = 0; i < packets; ++i)
    ++counts[hasher(random_input(random, bytes)) & (counts.size() - 1)];
  return counts;
}

// Chi-square per degree of freedom has mean 1 and variance 2 / degrees: 5 deviations are never met.
void expect_even(const Bytes& key, unsigned bits, unsigned bytes = 12) {
  const double limit = 1 + 5 * std::sqrt(2.0 / ((1u << bits) - 1));
  EXPECT_LT(chi_square(spread(key, bits, 100'000, bytes)), limit);
}

TEST(Keys, SymmetricForAllPackets) {
  for (const Card& card : cards) {
    const Port at = port({ipv4_udp(), ipv4()}, card.key_bytes, card.bits);
    const Keys keys = must({.ports = {at}, .requests = {symmetric(at)}, .seed = 1});
    EXPECT_TRUE(keys.quality.sound());
    std::mt19937_64 random(3);
    for (int i = 0; i < 20'000; ++i) {
      const Bytes packet = random_input(random, 12);
      ASSERT_EQ(entry(packet, keys.of[0], card.bits), entry(answer(packet), keys.of[0], card.bits));
    }
    expect_even(keys.of[0], card.bits);
  }
}

TEST(Keys, SymmetricInAll32BitsAndForIpv6) {
  const Port at = port({ipv4_udp(), ipv6_udp()}, 52, 32);
  const Keys keys = must({.ports = {at}, .requests = {symmetric(at)}, .seed = 1});
  std::mt19937_64 random(3);
  for (int i = 0; i < 20'000; ++i) {
    const Bytes packet = random_input(random, i % 2 == 0 ? 12 : 36);
    ASSERT_EQ(hash(packet, keys.of[0]), hash(answer(packet), keys.of[0]));
  }
}

// Of all sets of fields: what is left out changes nothing, every bit of what counts does.
TEST(Keys, OnlyTheFieldsThatAreAskedFor) {
  const std::vector<std::string> names = {"src", "dst", "sport", "dport"};
  const Input input = ipv4_udp();
  for (const Card& card : cards) {
    for (unsigned set = 1; set < 16; ++set) {
      std::vector<std::string> fields;
      for (unsigned f = 0; f < 4; ++f) {
        if ((set >> f) & 1) fields.push_back(names[f]);
      }
      Port at = port({input}, card.key_bytes, card.bits);
      at.matters = fields;
      const Keys keys = must({.ports = {at}, .requests = {only(at, fields)}, .seed = set});
      EXPECT_EQ(keys.quality.missing_rank, 0u) << set;
      for (unsigned f = 0; f < 4; ++f) {
        const Part& part = input.parts[f];
        for (unsigned bit = 0; bit < part.width; ++bit) {
          Bytes packet(12);
          packet[(part.offset + bit) / 8] |= static_cast<std::uint8_t>(0x80 >> (bit % 8));
          ASSERT_EQ(entry(packet, keys.of[0], card.bits) != 0, ((set >> f) & 1) != 0)
              << card.name << " " << part.field << " bit " << bit << " set " << set;
        }
      }
      expect_even(keys.of[0], card.bits);
    }
  }
}

std::pair<Port, Port> two_ports(bool one_key) {
  Port lan = port({ipv4_udp()}), wan = lan;
  lan.name = "lan";
  wan.name = "wan";
  wan.first = one_key ? 0 : 320;
  return {lan, wan};
}

TEST(Keys, TwoPortsOfAFirewall) {
  for (const bool one_key : {false, true}) {
    const auto [lan, wan] = two_ports(one_key);
    Request together{"together", {}, {}};
    require_same(together, lan, {"src", "dst", "sport", "dport"}, wan,
                 {"dst", "src", "dport", "sport"});
    const Keys keys = must({.ports = {lan, wan}, .requests = {together}, .seed = 1});
    EXPECT_EQ(keys.of[0] == keys.of[1], one_key);
    std::mt19937_64 random(4);
    for (int i = 0; i < 20'000; ++i) {
      const Bytes packet = random_input(random, 12);
      ASSERT_EQ(entry(packet, keys.of[0], 7), entry(answer(packet), keys.of[1], 7));
    }
    for (const Bytes& key : keys.of) expect_even(key, 7);
  }
}

// Behind a NAT only the server's address and port are the same on both sides.
TEST(Keys, TwoPortsOfANat) {
  auto [lan, wan] = two_ports(false);
  lan.matters = {"dst", "dport"};
  wan.matters = {"src", "sport"};
  Request together{"together", {}, {}};
  require_same(together, lan, lan.matters, wan, wan.matters);
  require_only(together, lan, lan.matters);
  require_only(together, wan, wan.matters);
  const Keys keys = must({.ports = {lan, wan}, .requests = {together}, .seed = 1});
  std::mt19937_64 random(4);
  for (int i = 0; i < 20'000; ++i) {
    const Bytes out = random_input(random, 12);
    Bytes back = answer(out);
    for (const std::size_t at : {4, 5, 6, 7, 10, 11})
      back[at] = static_cast<std::uint8_t>(random());
    ASSERT_EQ(entry(out, keys.of[0], 7), entry(back, keys.of[1], 7));
  }
  for (const Bytes& key : keys.of) expect_even(key, 7);
}

std::vector<Wish> random_wishes(unsigned count, unsigned queues, unsigned bytes, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<Wish> out;
  for (unsigned i = 0; i < count; ++i)
    out.push_back({random_input(random, bytes), static_cast<unsigned>(random() % queues)});
  return out;
}

struct Room {
  unsigned queues, bytes, at_least;
};

TEST(Keys, PlacesFlowsExactly) {
  for (const Room& room : {Room{128, 12, 14}, Room{64, 12, 15}, Room{16, 12, 20}, Room{8, 12, 28},
                           Room{5, 12, 28}, Room{2, 12, 60}, Room{128, 36, 36}, Room{8, 36, 70}}) {
    for (unsigned seed = 0; seed < 5; ++seed) {
      const Port at =
          port({room.bytes == 12 ? ipv4_udp() : ipv6_udp()}, room.bytes == 12 ? 40 : 52);
      Task task{.ports = {at}, .queues = room.queues, .seed = seed};
      task.wishes = random_wishes(128, room.queues, room.bytes, seed);
      const Keys keys = must(task);
      unsigned placed = 0;
      for (std::size_t w = 0; w < task.wishes.size(); ++w) {
        if (!keys.placed[w]) continue;
        ++placed;
        const unsigned low = entry(task.wishes[w].input, keys.of[0], class_bits(room.queues));
        ASSERT_EQ(low % room.queues, task.wishes[w].queue);
      }
      EXPECT_GE(placed, room.at_least) << room.queues << " queues, " << room.bytes << " bytes";
      EXPECT_TRUE(keys.quality.sound());
    }
  }
}

TEST(Keys, PlacesFlowsUnderRequests) {
  const Port at = port({ipv4_udp()});
  Task task{.ports = {at}, .requests = {symmetric(at)}, .queues = 8};
  task.wishes = random_wishes(4, 8, 12, 1);
  const Keys keys = must(task);
  for (std::size_t w = 0; w < task.wishes.size(); ++w) {
    ASSERT_TRUE(keys.placed[w]);
    EXPECT_EQ(entry(task.wishes[w].input, keys.of[0], 3), task.wishes[w].queue);
    EXPECT_EQ(entry(answer(task.wishes[w].input), keys.of[0], 3), task.wishes[w].queue);
  }
}

TEST(Keys, NamesTheRequestsThatContradict) {
  const Port at = port({ipv4_udp()});
  Request first{"f1 to 5", {}, {}}, second{"f1 to 6", {}, {}};
  const Bytes flow = {10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4};
  require_hash(first, at, flow, 5, 7);
  require_hash(second, at, flow, 6, 7);
  const auto found = find_keys({.ports = {at}, .requests = {symmetric(at), first, second}});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().requests, (std::vector<unsigned>{1, 2}));
  EXPECT_EQ(found.error().starved, "");

  // Its answer elsewhere: that contradicts the symmetry.
  Request back{"answer to 6", {}, {}};
  require_hash(back, at, answer(flow), 6, 7);
  Request other{"another to 9", {}, {}};
  require_hash(other, at, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 9, 7);
  const auto mirrored = find_keys({.ports = {at}, .requests = {other, back, first, symmetric(at)}});
  ASSERT_FALSE(mirrored);
  EXPECT_EQ(mirrored.error().requests, (std::vector<unsigned>{1, 2, 3}));
}

TEST(Keys, NothingLeftToSpreadByIsAContradiction) {
  Port at = port({ipv4_udp()});
  at.matters = {"src"};
  const auto starved = find_keys({.ports = {at}, .requests = {symmetric(at), only(at, {"src"})}});
  ASSERT_FALSE(starved);
  EXPECT_EQ(starved.error().requests, (std::vector<unsigned>{0, 1}));
  EXPECT_EQ(starved.error().starved, "src");
}

// Each of the requests named is needed: without it the others can be had.
TEST(Keys, ContradictionsAreSmallest) {
  std::mt19937_64 random(8);
  const Port at = port({ipv4_udp()});
  unsigned refused = 0;
  for (int round = 0; round < 30; ++round) {
    Task task{.ports = {at}, .requests = {symmetric(at)}, .tries = 8};
    for (int i = 0; i < 8; ++i) {
      Request request{"flow", {}, {}};
      Bytes flow = random_input(random, 12);
      if (i % 2 != 0) flow = Bytes(12, static_cast<std::uint8_t>(i));  // hash 0 under symmetry
      require_hash(request, at, flow, static_cast<std::uint32_t>(random()), 4);
      task.requests.push_back(request);
    }
    const auto found = find_keys(task);
    if (found) continue;
    ++refused;
    for (const unsigned leave : found.error().requests) {
      Task fewer = task;
      fewer.requests.clear();
      for (const unsigned r : found.error().requests) {
        if (r != leave) fewer.requests.push_back(task.requests[r]);
      }
      EXPECT_TRUE(find_keys(fewer)) << "one request too many";
    }
  }
  EXPECT_GT(refused, 10u);
}

TEST(Keys, AKeyThatIsGivenIsTaken) {
  std::mt19937_64 random(6);
  const Port at = port({ipv4_udp()});
  const Bytes mine = random_input(random, 40);
  Request key{"key", {}, {}};
  require_key(key, at, mine);
  EXPECT_EQ(must({.ports = {at}, .requests = {key}}).of[0], mine);
  const auto both = find_keys({.ports = {at}, .requests = {symmetric(at), key}});
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().requests, (std::vector<unsigned>{0, 1}));
}

TEST(Keys, SameTaskSameKeysAnotherSeedAnother) {
  const Port at = port({ipv4_udp()});
  const Task task{.ports = {at}, .requests = {symmetric(at)}, .seed = 3};
  Task other = task;
  other.seed = 4;
  EXPECT_EQ(must(task).of, must(task).of);
  EXPECT_NE(must(task).of, must(other).of);
}

// Hosts of a subnet, ports in a row: the last byte alone reaches as many entries as it can.
TEST(Keys, NeighboursAreSpreadToo) {
  const Port at = port({ipv4_udp(), ipv4()});
  const Keys keys = must({.ports = {at}, .seed = 1});
  for (const std::size_t byte : {3, 7, 9, 11}) {
    std::set<unsigned> entries;
    for (unsigned value = 0; value < 256; ++value) {
      Bytes packet = {10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4};
      packet[byte] = static_cast<std::uint8_t>(value);
      entries.insert(entry(packet, keys.of[0], 7));
    }
    EXPECT_GE(entries.size(), 64u) << byte;
  }
}

TEST(Table, EvenWithoutFlows) {
  TableTask task{
      .queues = 5, .known = std::vector<double>(128), .wanted = {}, .other = 1, .elsewhere = {}};
  task.wanted.resize(128);
  const auto table = indirection(task);
  for (unsigned e = 0; e < table.size(); ++e) EXPECT_EQ(table[e], e % 5);
}

TEST(Table, WishesHoldAndTheRestIsEven) {
  TableTask task{.queues = 4,
                 .known = std::vector<double>(128),
                 .wanted = {},
                 .other = 128,
                 .elsewhere = {0, 0, 0, 50}};
  task.wanted.resize(128);
  task.known[7] = 40;
  task.wanted[7] = 2;
  task.known[9] = 30;
  const auto table = indirection(task);
  EXPECT_EQ(table[7], 2);
  std::vector<double> load = task.elsewhere;
  for (unsigned e = 0; e < 128; ++e) load[table[e]] += task.known[e] + 1;
  for (const double l : load) EXPECT_NEAR(l, 248.0 / 4, 1);
}

}  // namespace
}  // namespace weft::rss::testing
