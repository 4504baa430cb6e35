// Where the card brings the segments of a connection, as a plan's owners say and as the emulated
// card does it, whose hash shares no code with theirs.
#include "compiler/plan/owners.h"

#include <cstdlib>

#include "tests/unit/runtime/sim_stack.h"

namespace weft::test {
namespace {

passes::Inputs on(const std::string& nic, const std::string& workload) {
  passes::Inputs in;
  in.fields = fields();
  in.graph = must(frontend::read_graph(source("graphs/host_ipv4.yaml"), fields()));
  in.nic = model(nic);
  in.workload = must(frontend::read_workload(source("graphs/workloads/" + workload + ".yaml")));
  in.costs = must(passes::read_costs(source("nicmodels/costs/default.yaml")));
  return in;
}

plan::Plan plan_for(const passes::Inputs& in, unsigned queues) {
  return must(passes::compile(in, {.queues = queues, .prove = false, .certify = false}));
}

// The card takes what the plan says of it.
void compare(const plan::Plan& plan, const std::string& nic) {
  Bench bench(nic, static_cast<std::uint16_t>(plan.configuration.rx_queues));
  must(ports::apply(plan, &bench.nic, bench.control()));
  const Owners owners = plan::owners_of(plan);
  ASSERT_TRUE(owners.arrival.known()) << nic;
  EXPECT_TRUE(owners.segments.empty()) << nic << ": nothing is handed over";
  std::mt19937_64 random(7);
  std::set<unsigned> used;
  for (int i = 0; i < 300; ++i) {
    UdpFrame frame;
    frame.protocol = 6;
    frame.dst_mac = plan.host.mac;
    frame.src = static_cast<std::uint32_t>(random());
    frame.dst = i % 2 == 0 ? plan.host.address : static_cast<std::uint32_t>(random());
    frame.src_port = static_cast<std::uint16_t>(random());
    frame.dst_port = static_cast<std::uint16_t>(random());
    const unsigned expected =
        owners.arrival.of({frame.src, frame.dst, frame.src_port, frame.dst_port});
    ASSERT_EQ(bench.one(build(frame)).queue, expected) << nic << " frame " << i;
    used.insert(expected);
  }
  EXPECT_GT(used.size(), 1u) << nic;
}

TEST(Arrival, IsWhereTheCardBringsIt) {
  const char* const night = std::getenv("WEFT_NIGHTLY");
  if (night == nullptr || std::string(night) != "1")
    return compare(plan_for(on("intel_82599", "tcp_echo"), 3), "intel_82599");
  for (const char* nic :
       {"ideal", "intel_82599", "intel_e810", "intel_i225", "intel_x550", "intel_xl710",
        "mellanox_connectx5", "broadcom_bnxt", "solarflare_sfn5122f", "amazon_ena", "virtio_rss"}) {
    for (const unsigned queues : {2u, 3u, 4u}) compare(plan_for(on(nic, "tcp_echo"), queues), nic);
  }
}

// Fields, and a hash that does not see ports.
TEST(Arrival, AsTheWorkloadSpreads) {
  passes::Inputs in = on("intel_82599", "tcp_echo");
  in.workload.spread.by = {"src", "dst"};
  const plan::Plan plan = plan_for(in, 4);
  EXPECT_EQ(plan.configuration.rss.segment, (std::vector<std::string>{"ipv4.src", "ipv4.dst"}));
  EXPECT_FALSE(plan::owners_of(plan).port_matters());
  compare(plan, "intel_82599");
}

// By the card's own symmetric function: both ways of a connection arrive on one queue.
TEST(Arrival, SymmetricFunction) {
  const char* const night = std::getenv("WEFT_NIGHTLY");
  const bool all = night != nullptr && std::string(night) == "1";
  for (const auto& [nic, ports] : {std::pair<std::string, bool>{"intel_e810", true},
                                   {"intel_e810", false},
                                   {"intel_xl710", true},
                                   {"intel_xl710", false}}) {
    if (!all && (nic == "intel_xl710" || !ports)) continue;
    passes::Inputs in = on(nic, "tcp_echo");
    in.workload.spread.symmetric = true;
    if (!ports) in.workload.spread.by = {"src", "dst"};
    const plan::Plan plan = plan_for(in, 4);
    ASSERT_EQ(plan.configuration.rss.function, ir::HashFunction::symmetric_toeplitz);
    compare(plan, nic);
    const Arrival arrival = plan::owners_of(plan).arrival;
    EXPECT_EQ(arrival.of({0x0a070001, 0x0a070002, 5001, 7}),
              arrival.of({0x0a070002, 0x0a070001, 7, 5001}));
  }
}

TEST(Arrival, CardsThatNobodyCanPredictAreMadeUpFor) {
  const Owners owners = plan::owners_of(plan_for(on("tap", "tcp_echo"), 4));
  EXPECT_EQ(owners.segments, (std::vector<std::uint16_t>{0, 1, 2, 3}));
  EXPECT_FALSE(owners.arrival.known());
}

}  // namespace
}  // namespace weft::test
