// Plans that change while packets flow, in virtual time: random changes under a stream of numbered
// datagrams. Nothing is lost that is not counted, flows that do not move keep their order, and in
// the end the card's tables are what a fresh compile would have made them.
#include <gtest/gtest.h>

#include <cstdlib>

#include "compiler/plan/delta.h"
#include "compiler/plan/places.h"
#include "tests/sim/running_stack.h"

namespace weft::sim {
namespace {

using passes::FlowKey;

bool nightly() { return std::getenv("WEFT_NIGHTLY") != nullptr; }

constexpr unsigned known_flows = 200, all_flows = 300;

FlowKey key_of(unsigned number) {
  return {on_link(1), static_cast<std::uint16_t>(40000 + number), own_address, 7};
}

// Endpoints "echo0", ... listen on ports from 7 on; the flows are theirs in turn.
passes::Inputs with_flows(const std::string& nic, unsigned queues, unsigned cores,
                          unsigned endpoints) {
  passes::Inputs in = inputs(nic, "host");
  in.workload.endpoints.clear();
  for (unsigned e = 0; e < endpoints; ++e)
    in.workload.endpoints.push_back({.name = "echo" + std::to_string(e),
                                     .port = static_cast<std::uint16_t>(7 + e),
                                     .app = "echo",
                                     .rate = 10});
  in.workload.queues = queues;
  in.workload.cores = cores;
  in.workload.flows.clear();
  for (unsigned i = 0; i < known_flows; ++i)
    in.workload.flows.push_back({.src = key_of(i).src,
                                 .src_port = key_of(i).src_port,
                                 .dst_port = static_cast<std::uint16_t>(7 + i % endpoints),
                                 .endpoint = i % endpoints,
                                 .rate = 1.0 + i % 7});
  return in;
}

struct FlowsThatChange : Running {
  FlowsThatChange(const std::string& nic, unsigned queues, unsigned cores, bool generated,
                  unsigned endpoints = 1)
      : Running(with_flows(nic, queues, cores, endpoints), all_flows, generated) {
    for (unsigned i = 0; i < all_flows; ++i)
      wire->flows[i].dst_port = static_cast<std::uint16_t>(7 + i % endpoints);
    pass(64);
  }
};

struct Kinds {
  unsigned added = 0, removed = 0, moved = 0, refused = 0, rebalanced = 0, replaced = 0;
};

// A change that nobody could foresee.
void change(Running& r, std::mt19937& random, Kinds& kinds) {
  const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  const unsigned number = pick(all_flows);
  const FlowKey key = key_of(number);
  const bool there = r.planner->decider().find(key) != nullptr;
  if (pick(16) == 0) r.control->refuse_in = 1;
  bool done = true;
  switch (pick(8)) {
    case 0: {
      const auto list = r.planner->rebalance(4, 0.001);
      if (list && !list->empty()) {
        done = r.carry_out(list);
        kinds.rebalanced += done;
      }
      break;
    }
    case 1:
    case 2:
    case 3:
      if (there) {
        done = r.carry_out(r.planner->move_flow(key, pick(4)));
        kinds.moved += done;
        break;
      }
      [[fallthrough]];
    default:
      if (there) {
        done = r.carry_out(r.planner->remove_flow(key));
        kinds.removed += done;
      } else {
        done = r.carry_out(r.planner->add_flow(key, 0, 1 + pick(7)));
        kinds.added += done;
      }
  }
  if (!done) {
    ++kinds.refused;
    EXPECT_EQ(r.why.list.front().code, "E0672") << diag::render(r.why, false);
  }
  r.control->refuse_in = 0;
}

// `backlog`: datagrams that wait in the card's queues when a change begins.
void churn(const std::string& nic, unsigned cores, bool generated, unsigned changes,
           std::uint64_t datagrams, unsigned backlog = 400) {
  SCOPED_TRACE(nic + " on " + std::to_string(cores) + " cores");
  start_dpdk();
  FlowsThatChange r(nic, 4, cores, generated);
  std::mt19937 random(5);
  Kinds kinds;
  const std::uint64_t each = datagrams / changes;
  std::uint64_t sent = 0;
  for (unsigned i = 0; i < changes; ++i) {
    const auto before = r.wire->counters().received;
    r.arrive(backlog);
    change(r, random, kinds);
    r.settle();
    // Now each datagram of a flow that the plan knows finds its entry, wherever it arrives.
    const auto hits = r.hits(), known = r.sent_by_known();
    while (r.wire->counters().received - before < each) r.pass(32);
    r.settle();
    EXPECT_EQ(r.hits() - hits, r.sent_by_known() - known) << "change " << i;
    sent = r.wire->counters().received;
  }
  r.settle();
  const auto held = Running::in_plan(r.live->plan());
  EXPECT_EQ(r.on_card(), held);  // no filter of a dead flow, none that is missing
  EXPECT_TRUE(r.planner->checked().settled());

  // A fresh compile of what is wanted now; the stack goes over to it while packets come.
  passes::Inputs fresh = r.in;
  fresh.workload = r.planner->workload();
  fresh.workload.queues = 4;
  fresh.workload.cores = cores;
  const plan::Plan compiled = must(passes::compile(fresh, {}));
  EXPECT_TRUE(r.carry_out(r.planner->change_to(compiled, fresh.workload)));
  kinds.replaced = 1;
  EXPECT_EQ(r.on_card(), Running::in_plan(compiled));
  for (const auto& name : {"ntuple5", "fdir"}) {
    const auto wanted =
        std::count_if(compiled.configuration.filters.begin(), compiled.configuration.filters.end(),
                      [&](const plan::Filter& f) { return f.table == name; });
    EXPECT_EQ(r.card->rules_in(name), static_cast<std::size_t>(wanted)) << name;
  }
  EXPECT_TRUE(plan::same_but_for_names(r.live->plan(), compiled));
  for (unsigned i = 0; i < 64; ++i) r.pass(32);
  r.settle();

  r.engine->stop();
  const auto snapshot = observe::take(*r.engine,
                                      {.plan_name = "live",
                                       .engine = "",
                                       .clock = r.clock.get(),
                                       .wire = r.wire.get(),
                                       .card = &r.card->control()},
                                      false);
  const auto sums = observe::balance(snapshot);
  EXPECT_TRUE(sums.exact()) << sums.text();
  std::uint64_t dropped = 0, missing = 0;
  for (const auto& drop : observe::drops(snapshot)) dropped += drop.count;
  for (const auto& flow : r.wire->flows) {
    missing += flow.sent - flow.returned;
    if (!r.touched.contains(flow.src_port)) {
      EXPECT_EQ(flow.sent, flow.returned) << flow.src_port;
    }
  }
  EXPECT_EQ(missing, dropped);
  EXPECT_EQ(missing, 0u);  // rings were never full: so few are on their way
  EXPECT_EQ(r.late, 0u);
  EXPECT_EQ(r.pools->in_use(), 0u);
  EXPECT_GT(kinds.added, 0u);
  EXPECT_GT(kinds.removed, 0u);
  EXPECT_GT(kinds.moved, 0u);
  EXPECT_GT(kinds.rebalanced, 0u);
  const auto& proof = r.planner->checked().counters();
  std::printf(
      "%s, %u cores: %u changes (%u added, %u removed, %u moved, %u rebalanced, %u refused "
      "by the card and taken back), %llu datagrams, %llu late among flows on their way; "
      "%llu operations proved, %llu entries looked at, %llu of them by the solver, %llu "
      "proofs of all packets\n",
      nic.c_str(), cores, changes, kinds.added, kinds.removed, kinds.moved, kinds.rebalanced,
      kinds.refused, static_cast<unsigned long long>(sent), static_cast<unsigned long long>([&] {
        std::uint64_t sum = 0;
        for (const auto& flow : r.wire->flows) sum += flow.late;
        return sum;
      }()),
      static_cast<unsigned long long>(proof.steps), static_cast<unsigned long long>(proof.entries),
      static_cast<unsigned long long>(proof.solved),
      static_cast<unsigned long long>(proof.general));
}

TEST(Live, RandomChangesUnderAStream) {
  churn("intel_82599", 2, true, 1000, 5'000'000);
  if (nightly()) {
    churn("intel_82599", 4, false, 1000, 1'000'000);
    churn("intel_e810", 1, false, 300, 300'000);
    churn("tap", 4, true, 500, 1'000'000, 60);
  } else {
    churn("tap", 4, false, 60, 30'000, 60);  // each flow arrives anywhere, its owner is told
  }
}

// One of three goes while all of them have traffic, and another one takes its number. What comes
// to it is nobody's then; others lose nothing.
void endpoint_in_the_middle(const std::string& nic, unsigned cores) {
  SCOPED_TRACE(nic + " on " + std::to_string(cores) + " cores");
  FlowsThatChange r(nic, 4, cores, false, 3);
  const auto of = [&](unsigned endpoint) {
    std::uint64_t sent = 0, returned = 0;
    for (unsigned i = endpoint; i < all_flows; i += 3) {
      sent += r.wire->flows[i].sent;
      returned += r.wire->flows[i].returned;
    }
    return std::pair(sent, returned);
  };
  const auto stream = [&] {
    for (unsigned i = 0; i < 64; ++i) r.pass(32);
    r.settle();
  };
  stream();
  r.arrive(60);
  ASSERT_TRUE(r.carry_out(r.planner->remove_endpoint("echo1")));
  r.settle();
  EXPECT_TRUE(r.live->plan().endpoints.at(1).vacant());
  const auto before = of(1);
  EXPECT_GT(before.second, 0u);
  EXPECT_LE(r.wire->refused, before.first - before.second);
  stream();
  const auto behind = of(1);
  EXPECT_GT(behind.first, before.first);
  EXPECT_EQ(behind.second, before.second) << "nobody answers";
  EXPECT_GT(r.wire->refused, 0u);

  const unsigned number = 1;  // the first of its flows
  ASSERT_TRUE(r.carry_out(
      r.planner->add_endpoint({.name = "another", .port = 100, .app = "echo", .rate = 10})));
  EXPECT_EQ(r.live->plan().endpoints.at(1).name, "another");
  for (unsigned i = number; i < all_flows; i += 3) r.wire->flows[i].dst_port = 100;
  FlowKey key = key_of(number);
  key.dst_port = 100;
  ASSERT_TRUE(r.carry_out(r.planner->add_flow(key, 1, 5)));
  const auto was = of(1);
  stream();
  EXPECT_EQ(of(1).first - was.first, of(1).second - was.second) << "all are answered";
  EXPECT_GT(of(1).second, was.second);
  for (const unsigned endpoint : {0u, 2u}) EXPECT_EQ(of(endpoint).first, of(endpoint).second);
  EXPECT_EQ(r.late, 0u);

  // The card is as a fresh compile would have it.
  passes::Inputs fresh = r.in;
  fresh.workload = r.planner->workload();
  fresh.workload.queues = 4;
  fresh.workload.cores = cores;
  fresh.workload.endpoints = {{.name = "another", .port = 100, .app = "echo", .rate = 10},
                              r.in.workload.endpoints[2],
                              r.in.workload.endpoints[0]};
  for (ir::Flow& f : fresh.workload.flows)
    f.endpoint = f.dst_port == 100 ? 0 : f.dst_port == 9 ? 1 : 2;
  const auto& places = r.live->plan().endpoints;
  const plan::Plan compiled = plan::with_places_of(must(passes::compile(fresh, {})), places);
  EXPECT_TRUE(
      r.carry_out(r.planner->change_to(compiled, plan::with_places_of(fresh.workload, places))));
  EXPECT_TRUE(plan::same_but_for_names(r.live->plan(), compiled));
  EXPECT_EQ(r.on_card(), Running::in_plan(compiled));
  stream();
  r.engine->stop();
  const auto snapshot = observe::take(*r.engine, {.plan_name = "live"}, false);
  const auto sums = observe::balance(snapshot);
  EXPECT_TRUE(sums.exact()) << sums.text();
  ASSERT_EQ(snapshot.apps.size(), 4u);
  EXPECT_EQ(snapshot.apps[1].counters.received, of(1).second - before.second);
  EXPECT_EQ(snapshot.apps[3].endpoint, "(removed)");
  EXPECT_EQ(snapshot.apps[3].counters.received, before.second);
  EXPECT_EQ(r.pools->in_use(), 0u);
}

TEST(Live, EndpointInTheMiddleGoes) {
  start_dpdk();
  endpoint_in_the_middle("intel_e810", 1);  // its rules mark packets
  if (nightly()) endpoint_in_the_middle("intel_82599", 2);
}

}  // namespace
}  // namespace weft::sim
