// Groups of queues change while packets flow: nothing is lost, and who stays on his queue keeps his
// order.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "compiler/plan/delta.h"
#include "compiler/plan/target.h"
#include "tests/sim/running_stack.h"

namespace weft::sim {
namespace {

constexpr std::uint16_t port = 9;

// Datagrams of strangers to the endpoint that has a group, and of two known flows with rules of
// their own; many wait in the card's queues whenever something changes.
class Changing : public Running {
 public:
  explicit Changing(const std::string& nic) : Running(with_flows(nic), 64, false) {
    for (StreamWire::Flow& flow : wire->flows) flow.dst_port = port;
    pass(64);
  }
  ir::Workload on(unsigned first, unsigned last) const {
    ir::Workload out = in.workload;
    out.endpoints[1].queues = ir::QueueRange{first, last};
    return out;
  }
  // Each datagram that was sent has come back, and none has overtaken another of its flow, but of
  // flows that are on another queue now.
  void look(const std::string& what) {
    settle();
    EXPECT_EQ(late, 0u) << what;
    for (const StreamWire::Flow& flow : wire->flows)
      EXPECT_EQ(flow.sent, flow.returned) << what << ": " << flow.src_port;
  }
  std::vector<unsigned> group() const {
    for (const plan::Filter& f : live->plan().configuration.filters)
      if (!plan::flow_of(f)) return plan::queues_of(f);
    return {};
  }

 private:
  static passes::Inputs with_flows(const std::string& nic) {
    passes::Inputs in = inputs(nic, "host");
    ir::Workload& w = in.workload;
    w.queues = 8;
    w.cores = 2;
    w.flows.clear();
    w.endpoints.resize(2);
    w.endpoints[1].groups.clear();
    w.endpoints[1].rate = 1000;
    w.endpoints[1].queues = ir::QueueRange{4, 5};
    for (const std::uint16_t src_port : {40000, 40001})
      w.flows.push_back({.src = on_link(1), .src_port = src_port, .dst_port = port, .endpoint = 1});
    return in;
  }
};

TEST(GroupChanges, ChangeUnderAStream) {
  start_dpdk();
  Changing r("mellanox_connectx5");
  const auto busy = [&](const std::string& what, auto&& change) {
    for (unsigned i = 0; i < 8; ++i) r.pass(48);
    r.arrive(400);
    EXPECT_TRUE(change()) << what;
    EXPECT_LT(r.moving.size(), 64u) << what << ": some stay";
    for (unsigned i = 0; i < 8; ++i) r.pass(48);
    r.look(what);
    EXPECT_EQ(r.on_card(), Running::in_plan(r.live->plan())) << what;
    EXPECT_TRUE(r.planner->checked().settled()) << what;
  };
  for (const ir::QueueRange to : {ir::QueueRange{4, 4}, ir::QueueRange{3, 5}}) {
    busy(fmt::format("to {}-{}", to.first, to.last),
         [&] { return r.become(r.on(to.first, to.last)); });
    EXPECT_EQ(r.group().size(), to.last - to.first + 1);
  }
  // A flow that was a stranger's comes in front of the group's rule, moves, and goes.
  const passes::FlowKey key = r.key_of(r.wire->flows[9]);
  busy("a flow comes", [&] { return r.carry_out(r.planner->add_flow(key, 1, 10)); });
  const unsigned there = r.planner->decider().find(key)->entry.queue;
  busy("it moves", [&] { return r.carry_out(r.planner->move_flow(key, there == 4 ? 5 : 4)); });
  busy("it goes", [&] { return r.carry_out(r.planner->remove_flow(key)); });
  // Another endpoint comes and goes beside it.
  const ir::Endpoint more{.name = "more", .port = 77, .app = "echo", .rate = 10};
  busy("an endpoint comes", [&] { return r.carry_out(r.planner->add_endpoint(more)); });
  busy("it goes", [&] { return r.carry_out(r.planner->remove_endpoint("more")); });
  // A card that refuses the second half takes back the first.
  r.control->refuse_in = 2;
  r.pass(400);
  EXPECT_FALSE(r.become(r.on(4, 5)));
  EXPECT_EQ(r.why.list.front().code, "E0672") << diag::render(r.why, false);
  r.look("refused by the card");
  EXPECT_EQ(r.group().size(), 3u);
  // What the rule that stands in is for: without, datagrams come by the hash of everything for a
  // moment, and overtake those that came before, or are overtaken.
  plan::Plan wide = r.live->plan();
  for (plan::Filter& f : wide.configuration.filters)
    if (!f.group.empty()) f.group.push_back(6);
  const auto forth = must(plan::operations(r.live->plan(), wide));
  const auto back = must(plan::operations(wide, r.live->plan()));
  ASSERT_EQ(forth.size(), 2u);
  for (unsigned i = 0; i < 8; ++i) {
    r.arrive(400);
    ASSERT_TRUE(r.live->apply(i % 2 == 0 ? forth : back));
    r.pass(48);
  }
  r.settle();
  EXPECT_GT(r.late, 0u);
  r.engine->stop();
  EXPECT_EQ(r.pools->in_use(), 0u);
}

}  // namespace
}  // namespace weft::sim
