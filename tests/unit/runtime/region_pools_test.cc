// Pools are what the plan says: so many buffers, of that size, and each queue's packets in those of
// its own region, from the card to the application.
#include "runtime/engine/region_pools.h"

#include "tests/unit/runtime/emulator_support.h"
#include "tests/unit/runtime/sim_stack.h"

namespace weft::test {
namespace {

using engine::RegionPools;

plan::Plan of_workload(const char* workload) {
  passes::Inputs in;
  in.fields = fields();
  in.graph = must(frontend::read_graph(source("graphs/host_udp_ipv4.yaml"), in.fields));
  in.nic = model("intel_82599");
  in.workload =
      must(frontend::read_workload(source(std::string("graphs/workloads/") + workload + ".yaml")));
  in.costs = must(passes::read_costs(source("nicmodels/costs/default.yaml")));
  passes::Options quick;
  quick.prove = quick.certify = false;
  quick.cores = 1;  // (large buffers are by core)
  plan::Plan plan = must(passes::compile(in, quick));
  // What the plan says is what is made; few, as this program's EAL has little.
  unsigned few = 500;
  for (plan::Region& region : plan.memory) region.buffers = few += 111;
  return plan;
}

const plan::Plan& trusting() {
  static const plan::Plan plan = of_workload("trust");
  return plan;
}

ports::Frame to(const plan::Plan& plan, unsigned endpoint, unsigned number) {
  UdpFrame frame = to_echo(static_cast<std::uint16_t>(50'000 + number), Bytes(18, 0x5a));
  frame.dst_mac = plan.host.mac;
  frame.dst_port = plan.endpoints[endpoint].port;
  return {0, build(frame)};
}

unsigned endpoint_of(const plan::Plan& plan, const char* name) {
  for (unsigned e = 0; e < plan.endpoints.size(); ++e)
    if (plan.endpoints[e].name == name) return e;
  return ~0u;
}

// A card set up as the plan says, which has taken these frames from its wire.
struct Taken {
  Taken(const plan::Plan& plan, RegionPools& pools, std::vector<ports::Frame> frames)
      : wire("sim", std::move(frames), clock, pools.shared().frames),
        card(must(
            emulator::EmulatedCard::make(nic, fields(), wire, {.memory = pools.filled_by_card()}))),
        rules(must(ports::apply(plan, &nic, card->control()))) {
    while (card->poll() != 0) {
    }
  }
  ~Taken() { ports::withdraw(rules, card->control()); }

  ports::VirtualClock clock;
  ports::SimWire wire;
  const ir::NicModel nic = model("intel_82599");
  std::unique_ptr<emulator::EmulatedCard> card;
  ports::AppliedRules rules;
};

TEST(RegionPools, AreAsThePlanSays) {
  start_eal();
  const plan::Plan& plan = trusting();
  const auto pools = must(RegionPools::make("regions", plan));
  const auto wanted = plan::receive_regions(plan);
  ASSERT_EQ(pools->regions().size(), 3u);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const engine::Pools& made = *pools->regions()[i].pools;
    EXPECT_EQ(made.frames->size, wanted[i].buffers) << wanted[i].name;
    EXPECT_EQ(rte_pktmbuf_data_room_size(made.frames), wanted[i].bytes + RTE_PKTMBUF_HEADROOM);
    for (const unsigned q : wanted[i].queues)
      EXPECT_EQ(pools->of_queues()[q], &made) << wanted[i].name;
    bytes += plan::bytes_of(plan, wanted[i]);
    // What DPDK took for them is what was said, within what its own headers and pages take.
    const auto& f = *made.frames;
    const double each = f.header_size + f.elt_size + f.trailer_size;
    EXPECT_NEAR(each, static_cast<double>(plan::buffer_bytes(wanted[i].bytes)), 0.05 * each);
  }
  EXPECT_LE(plan::megabytes_of(bytes), plan::megabytes_for(plan));
  EXPECT_EQ(pools->filled_by_card().size(), plan.configuration.rx_queues);
}

TEST(RegionPools, OneForAllWhereNobodyIsApart) {
  start_eal();
  const plan::Plan plan = of_workload("quickstart");
  const auto pools = must(RegionPools::make("one", plan));
  ASSERT_EQ(pools->regions().size(), 1u);
  EXPECT_EQ(pools->shared().frames->size, plan::sizes_for(plan).frames);
  EXPECT_TRUE(pools->filled_by_card().empty()) << "and the emulated card copies nothing";
}

TEST(RegionPools, PacketsLieInTheMemoryOfTheirGroup) {
  start_eal();
  const plan::Plan& plan = trusting();
  const auto pools = must(RegionPools::make("lie", plan));
  std::vector<ports::Frame> in;
  const char* names[] = {"echo", "orders", "guest"};
  for (unsigned i = 0; i < 30; ++i) in.push_back(to(plan, endpoint_of(plan, names[i % 3]), i));
  Taken taken(plan, *pools, std::move(in));
  unsigned seen = 0, apart = 0;
  for (unsigned q = 0; q < plan.configuration.rx_queues; ++q) {
    rte_mbuf* packets[64];
    const unsigned n = taken.card->rx_burst(static_cast<std::uint16_t>(q), packets, 64);
    for (unsigned i = 0; i < n; ++i) {
      EXPECT_EQ(packets[i]->pool, pools->of_queues()[q]->frames) << "queue " << q;
      const auto port =
          get16(Bytes(rte_pktmbuf_mtod(packets[i], std::uint8_t*),
                      rte_pktmbuf_mtod(packets[i], std::uint8_t*) + packets[i]->data_len),
                36);
      for (const char* name : {"orders", "guest"}) {
        const ir::Endpoint& e = plan.endpoints[endpoint_of(plan, name)];
        if (port != e.port) continue;
        ++apart;
        const auto* own =
            plan::find_region(plan.memory, plan::Region::Kind::receive, "trust " + e.trust);
        ASSERT_NE(own, nullptr);
        EXPECT_NE(std::find(own->queues.begin(), own->queues.end(), q), own->queues.end()) << name;
      }
      ++seen;
      rte_pktmbuf_free(packets[i]);
    }
  }
  EXPECT_EQ(seen, 30u);
  EXPECT_EQ(apart, 20u);
  for (const auto& made : pools->regions()) EXPECT_EQ(made.pools->in_use(), 0u);
}

// A queue whose region is used up drops, and says so; the others' go on.
TEST(RegionPools, OneGroupCannotUseUpAnothersBuffers) {
  start_eal();
  plan::Plan plan = trusting();
  plan::Region* shop = nullptr;
  for (plan::Region& r : plan.memory)
    if (r.name == "trust shop") shop = &r;
  ASSERT_NE(shop, nullptr);
  shop->buffers = 7;
  const auto pools = must(RegionPools::make("few", plan));
  std::vector<ports::Frame> in;
  for (unsigned i = 0; i < 40; ++i)
    in.push_back(to(plan, endpoint_of(plan, i % 2 == 0 ? "orders" : "echo"), i));
  Taken taken(plan, *pools, std::move(in));
  unsigned seen = 0;
  for (unsigned q = 0; q < plan.configuration.rx_queues; ++q) {
    rte_mbuf* packets[64];
    const unsigned n = taken.card->rx_burst(static_cast<std::uint16_t>(q), packets, 64);
    for (unsigned i = 0; i < n; ++i) rte_pktmbuf_free(packets[i]);
    seen += n;
  }
  EXPECT_EQ(seen, 27u) << "20 of everybody's, and as many of the group's as it has buffers";
  const auto stats = taken.card->control().stats();
  const auto full = std::find_if(stats.drops.begin(), stats.drops.end(),
                                 [](const auto& drop) { return drop.reason == "queue_full"; });
  ASSERT_NE(full, stats.drops.end());
  EXPECT_EQ(full->count, 13u);
}

TEST(RegionPools, AreOnTheNodeOfThePlanOrWhereThereIsRoom) {
  start_eal();
  plan::Plan plan = trusting();
  for (plan::Region& r : plan.memory) r.node = 7;  // (machines that run tests have no such node)
  plan.memory[0].node = 0;
  const auto pools = must(RegionPools::make("nodes", plan));
  EXPECT_EQ(pools->regions()[0].pools->frames->socket_id, 0);
  EXPECT_EQ(pools->regions()[1].pools->frames->socket_id, SOCKET_ID_ANY);
  EXPECT_EQ(pools->regions()[1].pools->frames->size, plan.memory[1].buffers);
}

}  // namespace
}  // namespace weft::test
