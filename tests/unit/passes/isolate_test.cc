// Process and memory of endpoints: who reads in place, who gets copies, how much memory that is,
// and what a plan must not say of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "compiler/passes/check_memory.h"
#include "compiler/passes/classes.h"
#include "compiler/plan/memory.h"
#include "compiler/plan/places.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes {
namespace {

using namespace testing;
using plan::Region;
using Kind = Region::Kind;

Inputs trusting(const std::string& nic) { return inputs(nic, "trust"); }

// Two groups of dedicated applications, and nobody who insists on queues.
Inputs two_guests(const std::string& nic) {
  Inputs in = trusting(nic);
  in.workload.endpoints[1].placement = ir::Placement::dedicated;
  return in;
}

diag::Result<plan::Plan> draft(const Inputs& in) {
  Options quick;
  quick.prove = quick.certify = false;
  return compile(in, quick);
}

const plan::Plan& on_82599() {
  static const plan::Plan plan = must(draft(trusting("intel_82599")));
  return plan;
}

std::string refusal(const plan::Plan& plan, const Inputs& in) {
  const auto checked = check_memory(plan, in);
  return checked ? "" : checked.error().list.front().message;
}

TEST(Isolate, QueuesOfItsOwnAreReadInPlace) {
  const Inputs in = trusting("intel_82599");
  const plan::Plan& plan = on_82599();
  const plan::Placed guest = plan::placed(plan, 2);
  EXPECT_EQ(guest.process, "trust guest");
  EXPECT_FALSE(guest.copies) << guest.why;
  EXPECT_EQ(guest.rate, 500);
  const auto regions = plan::receive_regions(plan);
  ASSERT_EQ(regions.size(), 3u);
  EXPECT_NE(plan::find_region(plan.memory, Kind::receive, "trust shop"), nullptr);
  EXPECT_NE(plan::find_region(plan.memory, Kind::receive, "trust guest"), nullptr);
  EXPECT_NE(plan::find_region(plan.memory, Kind::transmit, "trust guest"), nullptr);
  EXPECT_EQ(plan::find_region(plan.memory, Kind::copies, "trust guest"), nullptr);
  EXPECT_EQ(plan::find_region(plan.memory, Kind::transmit, "trust shop"), nullptr)
      << "it runs in the stack's own process";
  const plan::Plan again = must(plan::plan_from_text(plan::to_yaml(plan), "again.yaml", fields()));
  EXPECT_EQ(again.memory, plan.memory);
  EXPECT_EQ(plan::to_yaml(again), plan::to_yaml(plan));
  EXPECT_EQ(refusal(plan, in), "");
}

TEST(Isolate, MemoryIsOnTheCardsNode) {
  Inputs in = trusting("intel_82599");
  ir::Machine machine{.nic_node = 1};
  for (unsigned c = 0; c < 4; ++c) machine.cpus.push_back({.id = c, .node = 1, .core = c});
  in.machine = machine;
  const plan::Plan plan = must(draft(in));
  ASSERT_FALSE(plan.memory.empty());
  for (const Region& r : plan.memory) EXPECT_EQ(r.node, 1u) << r.name;
  EXPECT_EQ(refusal(plan, in), "");
}

TEST(Isolate, PlainWorkloadsSayNothingOfMemory) {
  const plan::Plan plan = must(draft(inputs("intel_82599", "policy_gold")));
  EXPECT_TRUE(plan.memory.empty());
  const auto regions = plan::receive_regions(plan);
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(regions[0].buffers, plan::sizes_for(plan).frames);
  EXPECT_EQ(plan::megabytes_for(plan), plan::megabytes_of(plan::sizes_for(plan).bytes()));
}

TEST(Isolate, CardsWithoutQueuesForIt) {
  for (const char* nic : {"none", "virtio_rss"}) {
    const Inputs in = two_guests(nic);
    const plan::Plan plan = must(draft(in));
    for (const unsigned e : {1u, 2u}) {
      const plan::Placed p = plan::placed(plan, e);
      EXPECT_TRUE(p.copies) << nic;
      EXPECT_NE(p.why.find("cycles a packet: "), std::string::npos) << p.why;
      EXPECT_NE(p.why.find("zero copy needs "), std::string::npos) << p.why;
      EXPECT_NE(plan::find_region(plan.memory, Kind::copies, p.process), nullptr) << nic;
    }
    EXPECT_EQ(plan::receive_regions(plan).size(), 1u) << nic;
    EXPECT_EQ(refusal(plan, in), "");
  }
}

TEST(Isolate, RunToCompletionIsRefusedAndToldOfCopies) {
  for (const char* nic : {"none", "virtio_rss"}) {
    const auto refused = draft(trusting(nic));  // `orders` runs to completion
    ASSERT_FALSE(refused) << nic;
    const diag::Diagnostic& first = refused.error().list.front();
    EXPECT_NE(first.help.find("`placement: dedicated` for `orders`"), std::string::npos)
        << first.help;
  }
}

// The copies of one endpoint are the whole difference of two plans.
TEST(Isolate, CopiesAreLoad) {
  Inputs in = two_guests("none");
  in.workload.endpoints[1].trust = in.workload.endpoints[2].trust = "";
  const double apart = must(draft(in)).cores[0].load;
  EXPECT_TRUE(must(draft(in)).memory.size() == 3) << "everybody's, and two to transmit";
  in.workload.endpoints[2].trust = "guest";
  const PacketCost cost = packet_cost(in, {});
  // Orders has no group, and its neighbour's pieces arrive where its packets do: both are copied.
  const double more = 500 * copy_cycles(in.workload.endpoints[2], cost) +
                      2400 * copy_cycles(in.workload.endpoints[1], cost);
  EXPECT_NEAR(must(draft(in)).cores[0].load - apart, more, 1e-6 * apart);
  EXPECT_EQ(copy_cycles(in.workload.endpoints[2], cost), 400 * in.costs.of("byte"));
}

// One rule fits, and one group has much more to copy than the other.
TEST(Isolate, WhoGetsTheOnlyRule) {
  const unsigned heavy = 2;  // (the second one: order does not matter)
  Inputs in = two_guests("intel_82599");
  in.workload.flows.clear();
  for (auto v : boost::make_iterator_range(vertices(in.nic.receive.g)))
    if (auto& table = in.nic.receive.node(v).config.table) table->capacity = 1;
  // (All tables of the card hold one rule: those for ports are few.)
  in.workload.endpoints[1].rate = in.workload.endpoints[2].rate = 1000;
  in.workload.endpoints[heavy].rate = 50'000;
  in.workload.endpoints[1].size = in.workload.endpoints[2].size = 1400;
  in.workload.queues = 2;
  in.workload.cores = 1;
  const plan::Plan plan = must(draft(in));
  EXPECT_FALSE(plan::placed(plan, heavy).copies) << plan::placed(plan, heavy).why;
  EXPECT_TRUE(plan::placed(plan, 3 - heavy).copies);
}

TEST(Isolate, MemoryIsRefusedWithItsRegions) {
  Inputs in = trusting("intel_82599");
  in.machine = ir::Machine{.name = "box", .memory_mb = 1e6};
  for (unsigned i = 0; i < 4; ++i) in.machine->cpus.push_back({.id = i, .core = i});
  const plan::Plan plan = must(draft(in));
  const auto needed = static_cast<double>(plan::megabytes_for(plan));
  std::size_t bytes = 0;
  for (const Region& r : plan.memory) bytes += plan::bytes_of(plan, r);
  EXPECT_EQ(plan::megabytes_of(bytes), plan::megabytes_for(plan)) << "the regions are all of it";
  in.machine->memory_mb = needed * 0.6;
  const auto refused = draft(in);
  ASSERT_FALSE(refused);
  const diag::Diagnostic& first = refused.error().list.front();
  EXPECT_EQ(first.code, "E0805");
  std::set<std::string> said;
  for (const diag::Note& note : first.notes)
    said.insert(note.text.substr(std::min(note.text.find(" MB "), note.text.size())));
  EXPECT_TRUE(said.contains(" MB to receive for trust shop"));
  EXPECT_TRUE(said.contains(" MB to transmit for trust guest"));
}

TEST(CheckMemory, RefusesEditedPlans) {
  const Inputs in = two_guests("intel_82599");
  const plan::Plan good = must(draft(in));
  ASSERT_EQ(refusal(good, in), "");
  const auto at = [](plan::Plan& plan, Kind kind, const std::string& name) -> Region& {
    for (Region& r : plan.memory)
      if (r.kind == kind && r.name == name) return r;
    std::abort();
  };
  const auto edited = [&](const std::function<void(plan::Plan&)>& edit) {
    plan::Plan plan = good;
    edit(plan);
    return refusal(plan, in);
  };
  const auto has = [](const std::string& text, const char* what) {
    return text.find(what) != std::string::npos;
  };
  EXPECT_TRUE(
      has(edited([&](auto& p) { at(p, Kind::receive, "trust shop").buffers -= 1; }), "are needed"));
  EXPECT_TRUE(
      has(edited([&](auto& p) { at(p, Kind::transmit, "trust guest").bytes *= 2; }), "are needed"));
  // Two groups in one region.
  EXPECT_TRUE(has(edited([&](auto& p) {
                    Region& shop = at(p, Kind::receive, "trust shop");
                    const Region guest = at(p, Kind::receive, "trust guest");
                    shop.queues.insert(shop.queues.end(), guest.queues.begin(), guest.queues.end());
                    std::erase(p.memory, guest);
                  }),
                  "they belong into that of trust guest"));
  EXPECT_TRUE(has(edited([&](auto& p) { at(p, Kind::receive, "trust shop").queues.clear(); }),
                  "fills no region"));
  EXPECT_TRUE(has(edited([&](auto& p) {
                    auto& queues = at(p, Kind::receive, "everybody").queues;
                    queues.push_back(at(p, Kind::receive, "trust shop").queues.front());
                  }),
                  "another one"));
  EXPECT_TRUE(has(edited([&](auto& p) { p.chosen.placement[0].process = "trust guest"; }),
                  "its process is"));
  EXPECT_TRUE(has(edited([&](auto& p) { p.endpoints[1].trust = "guest"; }), "in the workload"));
  EXPECT_TRUE(has(edited([&](auto& p) {
                    p.configuration.rss.table[0] = static_cast<std::uint16_t>(
                        at(p, Kind::receive, "trust shop").queues.front());
                  }),
                  "what no rule matches"));
  // A group of queues whose second one fills another region.
  EXPECT_TRUE(has(edited([&](auto& p) {
                    plan::Filter& rule = p.configuration.filters.front();
                    rule.group = {rule.queue, at(p, Kind::receive, "everybody").queues.front()};
                  }),
                  "brings"));
  // Copied by the plan of a card without rules; read in place, where others' packets lie, by hand.
  const Inputs poor = two_guests("none");
  plan::Plan copied = must(draft(poor));
  copied.chosen.placement[1].copies = false;
  EXPECT_TRUE(has(refusal(copied, poor), "would map a region"));
}

TEST(CheckMemory, LiveOperationsKeepTheRegions) {
  const plan::Plan& plan = on_82599();
  const unsigned shop = plan::find_region(plan.memory, Kind::receive, "trust shop")->queues[0];
  plan::Operation o{.kind = plan::Operation::Kind::add_flow};
  o.flow = {.src = 1, .src_port = 1, .dst = 2, .dst_port = 7, .endpoint = 0, .queue = 0};
  EXPECT_EQ(astray(plan, o), "");
  o.flow.queue = shop;
  EXPECT_NE(astray(plan, o), "");
  const auto its = [&](const plan::Filter& f) { return f.queue == shop; };
  const auto& rules = plan.configuration.filters;
  o.kind = plan::Operation::Kind::create_rule;
  o.filter = *std::find_if(rules.begin(), rules.end(), its);
  EXPECT_EQ(astray(plan, o), "");
  o.filter.group = {shop, 0};
  EXPECT_NE(astray(plan, o), "");
  o.kind = plan::Operation::Kind::set_table;
  o.entries = {{0, static_cast<std::uint16_t>(shop)}};
  EXPECT_NE(astray(plan, o), "");
  o.entries = {{0, 0}};
  EXPECT_EQ(astray(plan, o), "");
}

// Whatever is wished on whatever card: no process maps what another group's packets may lie in, and
// the checker agrees.
TEST(Isolate, NoTwoGroupsShareWhatIsMapped) {
  std::mt19937 random(7);
  const auto roll = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  const char* cards[] = {"none", "intel_82599", "intel_e810", "virtio_rss", "ideal"};
  const char* groups[] = {"", "a", "b"};
  unsigned planned = 0, copied = 0, mapped = 0;
  const unsigned many = std::getenv("WEFT_NIGHTLY") != nullptr ? 200 : 5;
  for (unsigned n = 0; n < many; ++n) {
    Inputs in = inputs(cards[n % 5], "trust");
    in.workload.endpoints.clear();
    in.workload.flows.clear();
    for (unsigned e = 0; e < 4; ++e) {
      ir::Endpoint it{.name = "e" + std::to_string(e), .port = static_cast<std::uint16_t>(7 + e)};
      it.app = "udp_echo";
      it.rate = 100.0 * (1 + roll(9));
      it.size = 64 * roll(20);
      it.trust = groups[roll(3)];
      it.exclusive = roll(6) == 0;
      if (roll(3) != 0) it.placement = ir::Placement::dedicated;
      in.workload.endpoints.push_back(it);
      for (unsigned f = roll(3); f > 0; --f)
        in.workload.flows.push_back({.src = 0x0a070001,
                                     .src_port = static_cast<std::uint16_t>(40000 + f),
                                     .dst_port = it.port,
                                     .endpoint = e,
                                     .rate = 10});
    }
    in.workload.queues = 1 + roll(6);
    in.workload.cores = 1 + roll(2);
    const auto plan = draft(in);
    if (!plan) continue;
    ++planned;
    EXPECT_EQ(refusal(*plan, in), "") << n;
    bool any = false;
    for (const ir::Endpoint& e : plan->endpoints) any = any || !e.trust.empty();
    // By hand, from rules alone: which groups land where.
    for (const plan::Placed& p : plan->chosen.placement) {
      if (p.process.empty()) continue;
      (p.copies ? copied : mapped) += 1;
      if (p.copies) continue;
      const Region* own = plan::find_region(plan->memory, Kind::receive, p.process);
      if (own == nullptr) {
        EXPECT_FALSE(any) << n << ": everybody's memory is mapped beside a trust group";
        continue;
      }
      const std::set<unsigned> queues(own->queues.begin(), own->queues.end());
      for (const plan::Filter& f : plan->configuration.filters) {
        if (!queues.contains(f.queue)) continue;
        const ir::Endpoint& other = plan->endpoints[plan::endpoint_of(f, *plan).value()];
        EXPECT_EQ(other.trust, plan->endpoints[p.endpoint].trust) << n << " rule " << f.id;
        EXPECT_TRUE(!other.trust.empty() || other.name == plan->endpoints[p.endpoint].name) << n;
      }
      for (const auto q : plan->configuration.rss.table) EXPECT_FALSE(queues.contains(q)) << n;
    }
  }
  EXPECT_GT(planned, many / 3);
  EXPECT_GT(copied, many / 6);
  EXPECT_GT(mapped, many / 6);
}

}  // namespace
}  // namespace weft::passes
