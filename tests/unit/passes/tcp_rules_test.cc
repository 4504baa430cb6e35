// Rules for TCP endpoints: their connections go where their class, trust, queue or core wants them,
// and whoever opens or hands over one knows where that is.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "compiler/passes/choose.h"
#include "compiler/passes/choose_beside.h"
#include "compiler/passes/configure.h"
#include "compiler/passes/steer.h"
#include "compiler/passes/tables.h"
#include "compiler/plan/delta.h"
#include "compiler/plan/owners.h"
#include "compiler/plan/preview.h"
#include "compiler/plan/segment_rules.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

constexpr std::uint16_t store = 11211, web = 80;

Inputs gold_on(const std::string& nic) {
  Inputs in = inputs(nic, "policy_gold_tcp", "host_ipv4");
  // (Solarflare's rules name an address.)
  if (nic.starts_with("solarflare")) in.workload.endpoints[0].address = in.workload.host.address;
  return in;
}

plan::Plan compiled(const Inputs& in, bool prove = false) {
  Options options;
  options.prove = prove;
  options.certify = false;
  return must(compile(in, options));
}

std::string refusal(const Inputs& in) {
  const auto choice = choose(in, {});
  return choice ? "" : diag::render(choice.error(), false);
}

ir::FlowSet from(std::uint32_t src, unsigned length, unsigned endpoint, const Inputs& in) {
  ir::FlowSet out;
  out.src = src;
  out.src_mask = ~std::uint32_t{0} << (32 - length);
  out.dst_port = in.workload.endpoints[endpoint].port;
  out.endpoint = endpoint;
  return out;
}

bool among(const std::vector<unsigned>& queues, unsigned queue) {
  return std::binary_search(queues.begin(), queues.end(), queue);
}

// Segments of connections to both endpoints, by the card's rules and hash.
void arrive_apart(const Inputs& in, const plan::Plan& plan, const std::string& nic) {
  const auto& gold = plan.chosen.zones.at(1).queues;
  const Steering card(in.nic, in.fields, plan.configuration);
  const Owners owners = plan::owners_of(plan);
  const bool embedded = owners.arrival.known();
  std::mt19937 random(7);
  for (unsigned i = 0; i < 500; ++i) {
    FlowKey key{.src = static_cast<std::uint32_t>(random()),
                .src_port = static_cast<std::uint16_t>(random()),
                .dst = in.workload.host.address,
                .dst_port = i % 2 == 0 ? store : web,
                .tcp = true};
    const auto where = card.deliver(key);
    ASSERT_TRUE(where) << nic;
    EXPECT_EQ(among(gold, where->queue), i % 2 == 0) << nic;
    if (embedded) {
      EXPECT_EQ(owners.of_connection({key.src, key.dst, key.src_port, key.dst_port}),
                static_cast<int>(where->queue))
          << nic << ": who opens a connection would look elsewhere";
    }
    // UDP on the same port is somebody else's.
    key.tcp = false;
    EXPECT_FALSE(among(gold, card.deliver(key)->queue)) << nic;
  }
}

TEST(TcpRules, AGoldEndpointHasTheQueuesOfGoldOnEveryCardWithRules) {
  for (const char* nic :
       {"ideal", "intel_82599", "intel_x550", "intel_xl710", "intel_e810", "intel_i350",
        "intel_i225", "mellanox_connectx5", "solarflare_sfn5122f", "solarflare_x2"}) {
    const Inputs in = gold_on(nic);
    plan::Plan plan;
    ASSERT_TRUE(configure(in, must(choose(in, {})), plan)) << nic;
    ASSERT_EQ(plan.configuration.filters.size(), 1u) << nic;
    EXPECT_TRUE(plan::about_segments(plan.configuration.filters[0])) << nic;
    arrive_apart(in, plan, nic);
  }
}

TEST(TcpRules, AreProvedAndWhoOpensAConnectionKnowsThem) {
  const Inputs in = gold_on("intel_xl710");
  const plan::Plan plan = compiled(in, true);
  EXPECT_EQ(plan.proof.status, "proved");
  EXPECT_TRUE(plan::owners_of(plan).arrival.known());
  arrive_apart(in, plan, "intel_xl710");
}

TEST(TcpRules, CardsWithoutThemRefuseWithTheFields) {
  for (const char* nic : {"broadcom_bnxt", "amazon_ena", "virtio_rss"}) {
    const std::string why = refusal(gold_on(nic));
    EXPECT_NE(why.find("E0801"), std::string::npos) << nic << why;
    EXPECT_NE(why.find("tcp.dst_port"), std::string::npos) << nic << why;
  }
  EXPECT_NE(refusal(gold_on("tap")).find("E0802"), std::string::npos);
  // One that wants an address in its rules is told.
  Inputs in = gold_on("solarflare_x2");
  EXPECT_EQ(refusal(in), "");
  in.workload.endpoints[0].address = 0;
  const std::string why = refusal(in);
  EXPECT_NE(why.find("`address: 10.7.0.2` for `store`"), std::string::npos) << why;
}

TEST(TcpRules, TrustExclusiveQueueAndCoreOfTcpEndpointsAreKept) {
  Inputs in = gold_on("intel_82599");
  in.workload.policy = ir::Policy::balance;
  in.workload.queues = 6, in.workload.cores = 2;
  auto& all = in.workload.endpoints;
  all[0].gold = false;
  all[0].core = 1;
  all[1].exclusive = true;
  all[1].queues = ir::QueueRange{3, 3};
  all[2].trust = "other";  // of UDP
  const plan::Plan plan = compiled(in);
  const auto queue_of = [&](const ir::Endpoint& e) {
    const FlowKey key{0x0a070009, 5000, in.workload.host.address, e.port, e.tcp};
    return deliver(in.nic, in.fields, plan.configuration, key)->queue;
  };
  EXPECT_EQ(queue_of(all[1]), 3u);
  const auto& second = plan.cores.at(1).queues;
  EXPECT_NE(std::find(second.begin(), second.end(), queue_of(all[0])), second.end());
  EXPECT_NE(queue_of(all[2]), queue_of(all[0]));
  const auto& table = plan.configuration.rss.table;
  for (const ir::Endpoint& e : all)
    EXPECT_EQ(std::find(table.begin(), table.end(), queue_of(e)), table.end()) << e.name;
}

// A network of its clients is not gold: a narrower rule in front of the wide one.
TEST(TcpRules, ConnectionsFromOneNetworkMayBelongElsewhere) {
  Inputs in = gold_on("intel_82599");
  in.workload.sets = {from(0x0a090000, 32, 0, in), from(0x0a090000, 32, 2, in)};
  in.workload.sets[1].dst_port = store;  // of UDP, on the same port
  in.workload.endpoints[2].port = store;
  const plan::Plan plan = compiled(in, true);
  EXPECT_EQ(plan.proof.status, "proved");
  const auto& gold = plan.chosen.zones.at(1).queues;
  const Owners owners = plan::owners_of(plan);
  const std::uint32_t host = in.workload.host.address;
  const auto goes = [&](std::uint32_t src, bool tcp) {
    const auto where =
        deliver(in.nic, in.fields, plan.configuration, {src, 5000, host, store, tcp});
    if (tcp)
      EXPECT_EQ(owners.of_connection({src, host, 5000, store}), static_cast<int>(where->queue));
    return among(gold, where->queue);
  };
  EXPECT_FALSE(goes(0x0a090000, true));
  EXPECT_TRUE(goes(0x0a090001, true));
  EXPECT_FALSE(goes(0x0a090001, false));
}

// Connections are where the narrowest rule says, and the card asks its tables in its own order: a
// plan in which these differ is none.
TEST(TcpRules, ANarrowRuleBehindAWideOneIsRefused) {
  Inputs in = gold_on("intel_82599");
  in.workload.sets = {from(0x0a090000, 32, 0, in)};
  plan::Plan plan = compiled(in);
  ASSERT_EQ(plan.configuration.filters.size(), 2u);
  for (plan::Filter& f : plan.configuration.filters) {
    const bool narrow = f.match.contains("ipv4.src");
    f.table = narrow ? "fdir" : "ntuple5";
    f.mark = narrow ? 1 : 0;
    f.priority = narrow ? 0 : 1;
    if (narrow) f.match.erase("ipv4.protocol");
    if (!narrow) f.match["ipv4.protocol"] = {6, 0xff};
  }
  const auto verdict = must(verify_plan(plan, in));
  EXPECT_FALSE(verdict.proved);
  ASSERT_TRUE(verdict.counterexample);
  EXPECT_NE(verdict.counterexample->why.find("answers"), std::string::npos)
      << verdict.counterexample->why;
}

// One mask for the whole card, or one for each type of packets.
TEST(TcpRules, MasksAreSharedWithUdpWhereTheCardHasOne) {
  for (const auto& [nic, takes] : {std::pair{"intel_x550", false}, {"intel_xl710", true}}) {
    Inputs in = gold_on(nic);
    in.workload.flows = {{.src = 0x0a070009, .src_port = 5000, .dst_port = 7, .endpoint = 2}};
    in.workload.flows[0].gold = true;
    EXPECT_EQ(refusal(in) == "", takes) << nic << refusal(in);
    // The whole of an endpoint of UDP has the mask that the endpoint of TCP has.
    in.workload.flows.clear();
    in.workload.endpoints[2].gold = true;
    EXPECT_EQ(refusal(in), "") << nic;
  }
  EXPECT_EQ(compiled(gold_on("intel_x550")).configuration.filters.size(), 1u);
}

// Whose queues nobody shares has fewer where others insist on some.
TEST(TcpRules, QueuesThatSomeWantLeaveFewerForOthersAlone) {
  Inputs in = gold_on("intel_82599");
  in.workload.policy = ir::Policy::balance;
  in.workload.queues = 6;
  auto& all = in.workload.endpoints;
  all[0].gold = false;
  all[0].queues = ir::QueueRange{3, 5};
  all[1].exclusive = true;
  all[1].rate = 1e6;  // most of the load
  EXPECT_EQ(refusal(in), "");
}

// Rules that say where connections are change while the stack runs: who is open is handed over.
TEST(TcpRules, StayWhereTheyAreBesideARunningPlan) {
  Inputs in = gold_on("intel_82599");
  const plan::Plan running = compiled(in);
  in.workload.flows = {{.src = 0x0a070009, .src_port = 5000, .dst_port = 7, .endpoint = 2}};
  in.workload.digest += "x";
  const auto choice = choose_beside(in, {}, running);
  ASSERT_TRUE(choice);
  ASSERT_EQ(choice->sockets.size(), 1u);
  EXPECT_EQ(choice->sockets[0].endpoint, 0u);
  EXPECT_EQ(choice->sockets[0].queue, running.configuration.filters[0].queue);
  plan::Plan other = running;
  other.configuration.filters[0].queue = 0;
  const auto moved = must(plan::operations(running, other));
  ASSERT_GE(moved.size(), 2u);
  EXPECT_EQ(moved[0].kind, plan::Operation::Kind::destroy_rule);
  EXPECT_TRUE(std::any_of(moved.begin(), moved.end(), [](const plan::Operation& o) {
    return o.kind == plan::Operation::Kind::create_rule && o.filter.queue == 0;
  }));
  // Where nothing hands them over, they would be on the wrong queue.
  plan::Plan before = running;
  before.configuration.rss.segment = other.configuration.rss.segment = std::nullopt;
  const auto refused = plan::operations(before, other);
  ASSERT_FALSE(refused);
  EXPECT_NE(diag::render(refused.error(), false).find("TCP connection"), std::string::npos);
  EXPECT_FALSE(plan::apply(moved[0], before));
}

// Without the node that hands over, a connection that was open when rules changed would be lost.
TEST(TcpRules, ThatMayChangeWantAHandover) {
  const Inputs in = gold_on("intel_xl710");
  plan::Plan plan = compiled(in);
  ir::Graph& graph = plan.residues.at(0).graph;
  const auto v = graph.find("tcp_receive_handover");
  ASSERT_TRUE(v);
  EXPECT_EQ(graph.node(*v).impl, "handover.kept");
  graph.node(*v).impl = "handover.segment";  // to where new ones would be
  const auto verdict = verify_plan(plan, in);
  EXPECT_TRUE(!verdict || !verdict->proved);
}

// By the policy `static` endpoints take queues in turn: those of TCP by a rule for the port.
TEST(TcpRules, ThePolicyStaticPlacesEndpointsOfTcp) {
  for (const char* nic : {"intel_82599", "intel_x550", "intel_xl710", "intel_e810",
                          "mellanox_connectx5", "virtio_rss"}) {
    Inputs in = inputs(nic, "policy_static", "host_ipv4");
    in.workload.endpoints.push_back({.name = "web", .port = 80, .app = "tcp_echo", .tcp = true});
    in.workload.endpoints.push_back(
        {.name = "store", .port = 11211, .app = "kv", .rate = 10, .tcp = true});
    const bool rules = std::string(nic) != "virtio_rss";
    // (One mask for flows of UDP and for what comes to a port: flows have it.)
    const bool free = std::string(nic) != "intel_x550";
    if (!rules) in.workload.endpoints[2].queues.reset(), in.workload.flows.clear();
    const auto choice = must(choose(in, {}));
    plan::Plan plan;
    ASSERT_TRUE(configure(in, choice, plan)) << nic;
    const auto of_tcp = std::count_if(plan.configuration.filters.begin(),
                                      plan.configuration.filters.end(), plan::about_segments);
    EXPECT_EQ(of_tcp, rules && free ? 2 : 0) << nic;
    EXPECT_EQ(choice.flows.size(), in.workload.flows.size());
    if (of_tcp == 0) continue;
    const auto& queues = plan.chosen.zones.at(0).queues;
    for (const unsigned e : {3u, 4u}) {
      const FlowKey key{0x0a070009, 5000, in.workload.host.address, in.workload.endpoints[e].port,
                        true};
      EXPECT_EQ(deliver(in.nic, in.fields, plan.configuration, key)->queue,
                queues[e % queues.size()])
          << nic;
    }
  }
  Inputs in = inputs("intel_82599", "policy_static", "host_ipv4");
  in.workload.endpoints.push_back({.name = "web", .port = 80, .app = "tcp_echo", .tcp = true});
  ASSERT_TRUE(choose_beside(in, {}, compiled(in)));
  in.workload.queues = 1;
  in.workload.flows.clear(), in.workload.endpoints[2].queues.reset();
  EXPECT_TRUE(compiled(in).configuration.filters.empty());
}

// What an endpoint of TCP wants is kept, whether or not it says how much comes.
TEST(TcpRules, AWishNeedsNoRate) {
  Inputs in = gold_on("intel_82599");
  for (ir::Endpoint& e : in.workload.endpoints) e.rate = 0;
  EXPECT_EQ(compiled(in).configuration.filters.size(), 1u);
}

// Several queues for connections to one port: a rule for each part of the source ports, where the
// card has masks; one rule, and one queue, where it has not.
TEST(TcpRules, SeveralQueuesShareAnEndpoint) {
  for (const auto& [nic, queues] : {std::pair{"intel_82599", 2u},
                                    {"mellanox_connectx5", 3u},
                                    {"intel_e810", 2u},
                                    {"intel_i350", 2u}}) {
    Inputs in = gold_on(nic);
    in.workload.queues = 5;
    in.workload.gold_queues = queues;
    plan::Plan plan;
    ASSERT_TRUE(configure(in, must(choose(in, {})), plan)) << nic;
    const auto& gold = plan.chosen.zones.at(1).queues;
    ASSERT_EQ(gold.size(), queues) << nic;
    arrive_apart(in, plan, nic);
    const Steering card(in.nic, in.fields, plan.configuration);
    std::map<unsigned, unsigned> on;
    for (std::uint16_t port = 30000; port < 30960; ++port)
      ++on[card.deliver({0x0a070009, port, in.workload.host.address, store, true})->queue];
    const bool masks = std::string(nic) != "intel_i350";
    EXPECT_EQ(on.size(), masks ? queues : 1u) << nic;
    for (const auto& [queue, n] : on)
      if (masks) EXPECT_NEAR(n, 960 / queues, 960 * 0.07) << nic << " queue " << queue;
  }
  Inputs in = gold_on("intel_82599");
  in.workload.queues = 5, in.workload.gold_queues = 2;
  const plan::Plan plan = compiled(in, true);
  EXPECT_EQ(plan.proof.status, "proved");
  const auto choice = choose_beside(in, {}, plan);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->sockets.size(), 2u);
}

TEST(TcpRules, AreShownAsWhatTheyAre) {
  const plan::Plan plan = compiled(gold_on("intel_82599"));
  EXPECT_EQ(plan::filter_subject(plan.configuration.filters[0]), "tcp *:* -> *:11211");
}

}  // namespace
}  // namespace weft::passes::testing
