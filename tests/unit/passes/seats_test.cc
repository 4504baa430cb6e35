// CPUs for net cores: what a sibling that works, too, and another NUMA node cost, in the choice of
// CPUs and in the loads, whose bound stays one.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "compiler/passes/draft.h"
#include "compiler/passes/place.h"
#include "compiler/plan/preview.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

// Two nodes with two physical cores of two CPUs each; siblings are 0 and 4, 1 and 5, ...
ir::Machine two_nodes() {
  ir::Machine out;
  out.name = "box";
  for (unsigned i = 0; i < 8; ++i) out.cpus.push_back({.id = i, .node = i % 4 / 2, .core = i % 4});
  out.nic_node = 0;
  return out;
}

std::set<unsigned> ids(const std::vector<ir::Seat>& seats) {
  std::set<unsigned> out;
  for (const ir::Seat& s : seats) out.insert(s.cpu.id);
  return out;
}

TEST(Seats, AreWhereMostIsWorkedOff) {
  ir::Machine box = two_nodes();
  EXPECT_EQ(ids(ir::seats_for(box, 2, 400)), (std::set<unsigned>{0, 1}));
  EXPECT_EQ(ids(ir::seats_for(box, 4, 400)), (std::set<unsigned>{0, 1, 2, 3}))
      << "cores of the other node rather than siblings";
  box.remote = 2000;
  EXPECT_EQ(ids(ir::seats_for(box, 4, 400)), (std::set<unsigned>{0, 1, 4, 5}))
      << "siblings rather than a node that is far away";
  box.cpus[4].reserved = true;
  const auto seats = ir::seats_for(box, 1, 400);
  ASSERT_EQ(seats.size(), 1u);
  EXPECT_EQ(seats[0].cpu.id, 1u) << "what is reserved works, too";
  EXPECT_EQ(seats[0].slower, 1);
  EXPECT_EQ(ir::seats_for(box, 9, 400).size(), 7u);
}

// Against all sets of CPUs.
TEST(Seats, AreAsGoodAsAnySetOfCpus) {
  for (const double remote : {0.0, 50.0, 150.0, 400.0, 3000.0}) {
    ir::Machine box = two_nodes();
    box.remote = remote;
    for (unsigned wanted = 1; wanted <= 8; ++wanted) {
      const auto worth = [](const std::vector<ir::Seat>& seats) {
        double sum = 0;
        for (const auto& s : seats) sum += 1 / (s.slower * (300 + s.remote));
        return sum;
      };
      double best = 0;
      for (unsigned set = 0; set < 256; ++set) {
        ir::Machine only = box;
        std::erase_if(only.cpus, [&](const ir::Cpu& c) { return (set >> c.id & 1) == 0; });
        if (only.cpus.size() == wanted)
          best = std::max(best, worth(ir::seats_for(only, wanted, 300)));
      }
      EXPECT_GE(worth(ir::seats_for(box, wanted, 300)), best * (1 - 1e-9)) << wanted << remote;
    }
  }
}

TEST(Seats, EachNetCoreHasAQueue) {
  for (const char* workload : {"policy_balance", "echo"}) {
    Inputs in = inputs("intel_82599", workload);
    Options options;
    options.prove = options.certify = false;
    in.machine = two_nodes();
    const auto cpus = static_cast<unsigned>(in.machine->cpus.size());
    for (unsigned cores = 1; cores <= cpus; ++cores) {
      in.workload.queues = in.workload.cores = cores;
      plan::Plan plan;  // (Of all that are compared the one with so many.)
      must(draft(in, options, plan));
      ASSERT_EQ(plan.cores.size(), cores);
      for (const auto& core : plan.cores)
        EXPECT_FALSE(core.queues.empty()) << workload << ", core " << core.id << " of " << cores;
    }
  }
}

TEST(Seats, TheirCostIsInTheLoadsAndInThePlan) {
  Inputs in = inputs("intel_82599", "policy_balance");
  in.workload.queues = 6;
  in.workload.cores = 3;
  Options options;
  options.prove = false;
  in.machine = two_nodes();
  in.machine->cpus = {in.machine->cpus[0], in.machine->cpus[2], in.machine->cpus[4]};
  const auto plan = must(compile(in, options));
  ASSERT_EQ(plan.cores.size(), 3u);
  unsigned shared = 0, far = 0;
  for (const auto& core : plan.cores) {
    shared += core.slower == in.machine->smt;
    far += core.remote == in.machine->remote;
  }
  EXPECT_EQ(shared, 2u);
  EXPECT_EQ(far, 1u);
  EXPECT_LE(plan.chosen.cores.bound, plan.chosen.cores.busiest * (1 + 1e-9));
  // It reads back, and is said.
  const auto again = must(plan::plan_from_text(plan::to_yaml(plan), "plan", in.fields));
  EXPECT_EQ(plan::to_yaml(again), plan::to_yaml(plan));
  EXPECT_NE(plan::preview(plan, {}).find("another NUMA node"), std::string::npos);
  // No worse than with all alike, priced as they are; and the loads are those of that price.
  Inputs alike = in;
  alike.machine->smt = 1;
  alike.machine->remote = 0;
  const auto even = must(compile(alike, options));
  double sum = 0, sum_even = 0;
  for (const auto& core : plan.cores) sum += core.load;
  for (const auto& core : even.cores) sum_even += core.load;
  EXPECT_GT(sum, 1.1 * sum_even);
}

}  // namespace
}  // namespace weft::passes::testing
