#include <rte_thash.h>

#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

using emulator::Toeplitz;

// DPDK's hash takes the tuple as 32-bit words in host order.
std::uint32_t rte_hash(const std::vector<std::uint32_t>& words, const Bytes& key) {
  std::vector<std::uint32_t> copy = words;
  return rte_softrss(copy.data(), static_cast<std::uint32_t>(copy.size()), key.data());
}

Bytes random_key(std::mt19937_64& random, unsigned bytes) {
  Bytes key(bytes);
  for (auto& b : key) b = static_cast<std::uint8_t>(random());
  return key;
}

TEST(EmulatorRss, VerificationSuite) {
  // Microsoft, "Verifying the RSS hash calculation": 66.9.149.187:2794 to 161.142.100.80:1766.
  const Toeplitz toeplitz(emulator::default_rss_key(40));
  const Bytes addresses = {66, 9, 149, 187, 161, 142, 100, 80};
  Bytes with_ports = addresses;
  with_ports.insert(with_ports.end(), {2794 >> 8, 2794 & 0xff, 1766 >> 8, 1766 & 0xff});
  EXPECT_EQ(toeplitz.hash(addresses), 0x323e8fc2U);
  EXPECT_EQ(toeplitz.hash(with_ports), 0x51ccc178U);
}

TEST(EmulatorRss, HashIsThatOfDpdk) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 5000; ++i) {
    const Bytes key = random_key(random, random() % 2 == 0 ? 40 : 52);
    std::vector<std::uint32_t> words(random() % 3 == 0 ? 2 : 3);
    Bytes input(words.size() * 4);
    for (std::size_t w = 0; w < words.size(); ++w) {
      words[w] = static_cast<std::uint32_t>(random());
      put32(input, w * 4, words[w]);
    }
    ASSERT_EQ(Toeplitz(key).hash(input), rte_hash(words, key)) << "round " << i;
  }
}

// Queue and hash of random packets, with random keys and tables, against rte_thash.
class EmulatorRssCards : public testing::TestWithParam<const char*> {};

TEST_P(EmulatorRssCards, QueueIsThatOfDpdk) {
  std::mt19937_64 random(7);
  const std::uint16_t queues = 11;
  Bench bench(GetParam(), queues);
  bench.start();
  rte_eth_dev_info info{};
  bench.control().info(info);
  for (int round = 0; round < 5; ++round) {
    Bytes key = random_key(random, info.hash_key_size);
    const rte_eth_rss_conf conf = {key.data(), info.hash_key_size, info.flow_type_rss_offloads};
    ASSERT_EQ(bench.control().rss_hash_update(conf), 0);
    std::vector<std::uint16_t> table(info.reta_size);
    std::vector<rte_eth_rss_reta_entry64> entries(info.reta_size / 64);
    for (unsigned i = 0; i < table.size(); ++i) {
      table[i] = static_cast<std::uint16_t>(random() % queues);
      entries[i / 64].mask |= std::uint64_t{1} << (i % 64);
      entries[i / 64].reta[i % 64] = table[i];
    }
    ASSERT_EQ(bench.control().reta_update(entries, info.reta_size), 0);
    for (int i = 0; i < 600; ++i) {
      UdpFrame f = random_udp(random);
      const bool udp = random() % 4 != 0;
      if (!udp) f.protocol = 1;
      const Received got = bench.one(build(f));
      std::vector<std::uint32_t> words = {f.src, f.dst};
      if (udp) words.push_back((std::uint32_t{f.src_port} << 16) | f.dst_port);
      const std::uint32_t hash = rte_hash(words, key);
      ASSERT_TRUE(got.flags & RTE_MBUF_F_RX_RSS_HASH);
      ASSERT_EQ(got.hash, hash);
      ASSERT_EQ(got.queue, table[hash % table.size()]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cards, EmulatorRssCards,
                         testing::Values("intel_82599", "intel_e810", "ideal"));

TEST(EmulatorRss, FragmentsAsTheDriversHaveIt) {
  for (const char* name : {"intel_82599", "intel_e810"}) {
    Bench bench(name, 8);
    bench.start();
    const Bytes key = emulator::default_rss_key(std::string(name) == "intel_82599" ? 40 : 52);
    UdpFrame f;
    f.src = 0x0a0000c7;
    for (const std::uint16_t fragment : {0x2000, 0x00b9, 0x20b9}) {
      f.fragment = fragment;
      const Received got = bench.one(build(f));
      if (std::string(name) == "intel_82599") {  // by addresses
        const std::uint32_t hash = rte_hash({f.src, f.dst}, key);
        EXPECT_EQ(got.hash, hash);
        EXPECT_EQ(got.queue, hash % 128 % 8);
      } else {  // not at all: entry 0
        EXPECT_FALSE(got.flags & RTE_MBUF_F_RX_RSS_HASH);
        EXPECT_EQ(got.queue, 0);
      }
    }
  }
}

TEST(EmulatorRss, OnlyTypesThatAreSwitchedOn) {
  Bench bench("intel_82599", 4);
  bench.start();
  Bytes key = emulator::default_rss_key(40);
  const rte_eth_rss_conf addresses_only = {key.data(), 40, RTE_ETH_RSS_IPV4};
  ASSERT_EQ(bench.control().rss_hash_update(addresses_only), 0);
  const UdpFrame f;
  EXPECT_EQ(bench.one(build(f)).hash, rte_hash({f.src, f.dst}, key));
  const rte_eth_rss_conf none = {nullptr, 0, 0};
  ASSERT_EQ(bench.control().rss_hash_update(none), 0);
  EXPECT_FALSE(bench.one(build(f)).flags & RTE_MBUF_F_RX_RSS_HASH);
}

TEST(EmulatorRss, RefusesWhatTheCardLacks) {
  Bench bench("intel_82599", 20);
  bench.start();
  Bytes key(52);
  rte_eth_rss_conf conf = {key.data(), 52, RTE_ETH_RSS_IPV4};
  EXPECT_EQ(bench.control().rss_hash_update(conf), -EINVAL) << "a key of another card";
  conf = {nullptr, 0, RTE_ETH_RSS_NONFRAG_IPV4_SCTP};
  EXPECT_EQ(bench.control().rss_hash_update(conf), -EINVAL) << "a type it does not have";
  std::vector<rte_eth_rss_reta_entry64> entries(2);
  entries[1].mask = 1;
  entries[1].reta[0] = 15;
  EXPECT_EQ(bench.control().reta_update(entries, 128), 0);
  EXPECT_EQ(bench.control().reta_update(entries, 64), -EINVAL) << "a table of another size";
  entries[1].reta[0] = 16;
  EXPECT_EQ(bench.control().reta_update(entries, 128), -EINVAL) << "entries have 4 bits";

  Bench none("none", 1);
  none.start();
  EXPECT_EQ(none.control().rss_hash_update(conf), -ENOTSUP);
  EXPECT_EQ(none.control().reta_update(entries, 128), -ENOTSUP);
}

TEST(EmulatorRss, UnpredictableCardsKeepAFlowOnItsQueue) {
  std::mt19937_64 random(3);
  Bench bench("tap", 4);
  bench.start();
  std::vector<int> seen(4);
  for (int i = 0; i < 200; ++i) {
    const Bytes frame = build(random_udp(random));
    const Received first = bench.one(frame);
    EXPECT_EQ(bench.one(frame).queue, first.queue);
    EXPECT_FALSE(first.flags & RTE_MBUF_F_RX_RSS_HASH);
    ++seen[first.queue];
  }
  for (const int count : seen) EXPECT_GT(count, 20);
}

}  // namespace
}  // namespace weft::test
