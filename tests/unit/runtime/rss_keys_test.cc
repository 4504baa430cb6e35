// Keys that the compiler makes, judged by DPDK's hash and by the emulated card: neither shares code
// with the compiler.
#include <rte_thash.h>

#include "compiler/passes/choose_key.h"
#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

struct Tuple {
  std::uint32_t src = 0, dst = 0;
  std::uint16_t src_port = 0, dst_port = 0;
  Tuple answer() const { return {dst, src, dst_port, src_port}; }
};

Tuple random_tuple(std::mt19937_64& random) {
  return {static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random()),
          static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random())};
}

// With the key as it is, and with the one that rte_softrss_be wants.
std::uint32_t rte_hash(Tuple t, const plan::Rss& rss) {
  if (rss.function == ir::HashFunction::symmetric_toeplitz) {  // rte_flow.h: xor(src, dst)
    t = {t.src ^ t.dst, t.src ^ t.dst, static_cast<std::uint16_t>(t.src_port ^ t.dst_port),
         static_cast<std::uint16_t>(t.src_port ^ t.dst_port)};
  }
  std::uint32_t words[] = {t.src, t.dst, std::uint32_t{t.src_port} << 16 | t.dst_port};
  const bool ports = rss.types.front() == "ipv4_udp";
  const std::uint32_t length = ports ? 3 : 2;
  const std::uint32_t hash = rte_softrss(words, length, rss.key.data());
  std::vector<std::uint32_t> converted(rss.key.size() / 4), key(rss.key.size() / 4);
  std::memcpy(key.data(), rss.key.data(), rss.key.size());
  rte_convert_rss_key(key.data(), converted.data(), static_cast<int>(rss.key.size()));
  EXPECT_EQ(rte_softrss_be(words, length, reinterpret_cast<std::uint8_t*>(converted.data())), hash);
  return hash;
}

unsigned queue_of(const Tuple& t, const plan::Rss& rss) {
  return rss.table[rte_hash(t, rss) % rss.table.size()];
}

passes::Inputs on(const std::string& card, const ir::Spread& spread) {
  passes::Inputs in;
  in.fields = fields();
  in.nic = model(card);
  in.workload.spread = spread;
  return in;
}

plan::Rss rss_for(const passes::Inputs& in, const passes::Hashing& hashing) {
  auto made = passes::choose_key(in, hashing);
  if (!made) ADD_FAILURE() << diag::render(made.error(), false);
  return made ? *made : plan::Rss{};
}

// Key, types and table of a plan, as the driver takes them.
void set(Bench& bench, plan::Rss rss) {
  rte_eth_rss_conf conf = {rss.key.data(), static_cast<std::uint8_t>(rss.key.size()), 0};
  for (const auto& type : rss.types) conf.rss_hf |= *ports::rss_type_bit(type);
  ASSERT_EQ(bench.control().rss_hash_update(conf), 0);
  for (const auto& type : rss.types) {
    if (rss.function == ir::HashFunction::toeplitz) continue;
    const auto rule = ports::hash_rule(type, *ports::rss_type_bit(type));
    rte_flow_error error{};
    ASSERT_NE(
        bench.control().flow_create(rule->attr, rule->items.data(), rule->actions.data(), error),
        nullptr)
        << error.message;
  }
  std::vector<rte_eth_rss_reta_entry64> entries(rss.table.size() / 64);
  for (unsigned i = 0; i < rss.table.size(); ++i) {
    entries[i / 64].mask |= std::uint64_t{1} << (i % 64);
    entries[i / 64].reta[i % 64] = rss.table[i];
  }
  ASSERT_EQ(bench.control().reta_update(entries, static_cast<std::uint16_t>(rss.table.size())), 0);
}

Received arrival(Bench& bench, const Tuple& t) {
  UdpFrame frame;
  frame.src = t.src;
  frame.dst = t.dst;
  frame.src_port = t.src_port;
  frame.dst_port = t.dst_port;
  return bench.one(build(frame));
}

class RssKeys : public testing::TestWithParam<const char*> {};

TEST_P(RssKeys, Symmetric) {
  ir::Spread spread;
  spread.symmetric = true;
  Bench bench(GetParam(), 8);
  bench.start();
  const plan::Rss rss =
      rss_for(on(GetParam(), spread), {.queues = 8, .open = {0, 1, 2, 3, 4, 5, 6, 7}});
  set(bench, rss);
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const Tuple t = random_tuple(random);
    ASSERT_EQ(queue_of(t, rss), queue_of(t.answer(), rss));
    if (i >= 1000) continue;
    const Received got = arrival(bench, t);
    ASSERT_EQ(got.hash, rte_hash(t, rss));
    ASSERT_EQ(got.queue, queue_of(t, rss));
    ASSERT_EQ(arrival(bench, t.answer()).queue, got.queue);
  }
}

TEST_P(RssKeys, ByTheSource) {
  ir::Spread spread;
  spread.by = {"ipv4.src"};
  Bench bench(GetParam(), 4);
  bench.start();
  const plan::Rss rss = rss_for(on(GetParam(), spread), {.queues = 4, .open = {0, 1, 2, 3}});
  set(bench, rss);
  std::mt19937_64 random(2);
  std::vector<unsigned> seen(4);
  for (int i = 0; i < 1000; ++i) {
    const Tuple a = random_tuple(random);
    Tuple b = random_tuple(random);
    b.src = a.src;
    const Received got = arrival(bench, a);
    ASSERT_EQ(got.hash, rte_hash(a, rss));
    ASSERT_EQ(arrival(bench, b).queue, got.queue);
    ++seen[got.queue];
  }
  for (const unsigned count : seen) EXPECT_GT(count, 180u);
}

// Fourteen flows and more, each to a queue of its own choice, without a rule.
TEST_P(RssKeys, FlowsArriveWhereTheyAreMeantTo) {
  const unsigned queues = 8, flows = 24;
  passes::Inputs in = on(GetParam(), {});
  in.workload.host.address = 0x0a000001;
  passes::Hashing hashing{.queues = queues, .open = {0, 1, 2, 3, 4, 5, 6, 7}};
  std::mt19937_64 random(3);
  for (unsigned i = 0; i < flows; ++i) {
    ir::Flow flow;
    flow.src = static_cast<std::uint32_t>(random());
    flow.src_port = static_cast<std::uint16_t>(random());
    flow.dst_port = 7;
    in.workload.flows.push_back(flow);
    hashing.flows.push_back({i, 1, static_cast<unsigned>(random() % queues)});
  }
  Bench bench(GetParam(), queues);
  bench.start();
  const plan::Rss rss = rss_for(in, hashing);
  set(bench, rss);
  unsigned there = 0;
  for (const auto& hashed : hashing.flows) {
    const ir::Flow& flow = in.workload.flows[hashed.flow];
    const Tuple t{flow.src, in.workload.host.address, flow.src_port, flow.dst_port};
    const Received got = arrival(bench, t);
    EXPECT_EQ(got.queue, queue_of(t, rss));
    there += got.queue == *hashed.queue;
  }
  // (All go to one server, so that only the source's bits tell them apart: not all can be placed.
  // Others may come to their queue by luck.)
  unsigned placed = 0;
  ASSERT_EQ(rss.does.size(), 1u);
  ASSERT_EQ(std::sscanf(rss.does[0].c_str(), "places %u of", &placed), 1);
  EXPECT_GE(placed, 14u);
  EXPECT_GE(there, placed);
}

INSTANTIATE_TEST_SUITE_P(Cards, RssKeys,
                         testing::Values("intel_82599", "intel_e810", "intel_xl710", "virtio_rss",
                                         "ideal"));

passes::Inputs symmetric_on(const std::string& card, bool by_function) {
  ir::Spread spread;
  spread.symmetric = true;
  passes::Inputs in = on(card, spread);
  in.workload.host.address = 0x0a000001;
  if (!by_function) {
    for (auto [v, end] = vertices(in.nic.receive.g); v != end; ++v)
      if (in.nic.receive.node(*v).config.rss) in.nic.receive.node(*v).config.rss->functions.clear();
  }
  return in;
}

// What the card's own function is for: the key is free, and brings more flows to the queues where
// they are meant to be.
TEST(RssFunction, LeavesTheKeyToPlaceFlows) {
  const auto placed = [](bool by_function) {
    passes::Inputs in = symmetric_on("intel_e810", by_function);
    passes::Hashing hashing{.queues = 8, .open = {0, 1, 2, 3, 4, 5, 6, 7}};
    std::mt19937_64 random(3);
    for (unsigned i = 0; i < 40; ++i) {
      ir::Flow flow;
      flow.src = static_cast<std::uint32_t>(random());
      flow.src_port = static_cast<std::uint16_t>(random());
      flow.dst_port = 7;
      in.workload.flows.push_back(flow);
      hashing.flows.push_back({i, 1, static_cast<unsigned>(random() % 8)});
    }
    const plan::Rss rss = rss_for(in, hashing);
    Bench bench("intel_e810", 8);
    bench.start();
    if (by_function) set(bench, rss);
    unsigned count = 0, there = 0;
    EXPECT_EQ(std::sscanf(rss.does.at(1).c_str(), "places %u of", &count), 1);
    for (const auto& hashed : hashing.flows) {
      const ir::Flow& flow = in.workload.flows[hashed.flow];
      const Tuple t{flow.src, in.workload.host.address, flow.src_port, flow.dst_port};
      there += queue_of(t, rss) == *hashed.queue;
      if (by_function) {
        EXPECT_EQ(arrival(bench, t).queue, queue_of(t, rss));
      }
    }
    EXPECT_GE(there, count);
    return count;
  };
  const unsigned by_key = placed(false), by_function = placed(true);
  EXPECT_GE(by_function, 14u);
  EXPECT_GT(by_function, by_key + by_key / 3);
}

// What i40e_hash.c and ice_hash.c refuse, and cards that have no such function.
TEST(RssFunction, RulesThatDriversRefuse) {
  Bench bench("intel_xl710", 4);
  bench.start();
  rte_flow_error error{};
  const auto takes = [&](Bench& at, const ports::HashRule& rule) {
    const bool valid =
        at.control().flow_validate(rule.attr, rule.items.data(), rule.actions.data(), error) == 0;
    rte_flow* flow =
        at.control().flow_create(rule.attr, rule.items.data(), rule.actions.data(), error);
    if (flow != nullptr) {
      EXPECT_EQ(at.control().flow_destroy(flow, error), 0);
    }
    EXPECT_EQ(valid, flow != nullptr);
    return flow != nullptr;
  };
  const auto udp = [] { return ports::hash_rule("ipv4_udp", RTE_ETH_RSS_NONFRAG_IPV4_UDP); };
  EXPECT_TRUE(takes(bench, *udp()));
  const std::uint16_t queues[] = {0, 1};
  const std::uint8_t key[52] = {};
  auto rule = udp();
  rule->rss.queue = queues;
  rule->rss.queue_num = 2;
  EXPECT_FALSE(takes(bench, *rule));
  rule = udp();
  rule->rss.key = key;
  rule->rss.key_len = 52;
  EXPECT_FALSE(takes(bench, *rule));
  rule = udp();
  rule->rss.func = RTE_ETH_HASH_FUNCTION_SIMPLE_XOR;
  EXPECT_FALSE(takes(bench, *rule));
  rule = udp();
  rule->rss.types |= RTE_ETH_RSS_NONFRAG_IPV4_TCP;
  EXPECT_FALSE(takes(bench, *rule)) << "two types";
  EXPECT_FALSE(takes(bench, *ports::hash_rule("ipv6_udp", RTE_ETH_RSS_NONFRAG_IPV6_UDP)));
  rule = udp();
  rule->items.erase(rule->items.begin() + 2);
  EXPECT_FALSE(takes(bench, *rule)) << "the pattern of another type";
  Bench other("intel_82599", 4);
  other.start();
  EXPECT_FALSE(takes(other, *udp()));

  rule = udp();
  rte_flow* first =
      bench.control().flow_create(rule->attr, rule->items.data(), rule->actions.data(), error);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(
      bench.control().flow_create(rule->attr, rule->items.data(), rule->actions.data(), error),
      nullptr)
      << "the type has one";
  EXPECT_EQ(bench.control().flow_destroy(first, error), 0);
  EXPECT_NE(bench.control().flow_destroy(first, error), 0);
}

}  // namespace
}  // namespace weft::test
