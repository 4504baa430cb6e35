// Where a workload orders its objectives, the order picks one of several choices.
#include "compiler/passes/objectives.h"

#include <cstdlib>

#include "compiler/plan/preview.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

using ir::Objective;
constexpr auto load = Objective::load, latency = Objective::latency, cores = Objective::cores,
               filters = Objective::filters;

// By way: what came of it. A load of 0: it cannot be.
Picked picked(const std::vector<Objective>& order, const std::vector<plan::Compared>& figures,
              unsigned most = 100) {
  std::vector<Alternative> all(figures.size());
  for (unsigned i = 0; i < all.size(); ++i) all[i].cores = i;
  unsigned looked = 0;
  const auto look = [&](const Alternative& way) -> diag::Result<plan::Compared> {
    ++looked;
    if (figures[way.cores].load == 0) return diag::fail(diag::Diagnostic{"E0804", "too slow"});
    return figures[way.cores];
  };
  return must(pick(order, all, true, look, [&] { return looked < most; }));
}

TEST(Objectives, TheOrderPicks) {
  const std::vector<plan::Compared> figures = {{4, 1, 40, 10e6, 9, ""},  {4, 1, 4, 10.1e6, 5, ""},
                                               {2, 1, 40, 20e6, 30, ""}, {2, 1, 4, 21e6, 31, ""},
                                               {1, 1, 4, 0, 0, ""},      {4, 2, 40, 11e6, 3, ""}};
  const auto way = [&](const std::vector<Objective>& order) {
    return picked(order, figures).way.cores;
  };
  EXPECT_EQ(way({load, filters, latency, cores}), 1u) << "1 % of load is nothing";
  EXPECT_EQ(way({load, latency, cores, filters}), 1u);
  EXPECT_EQ(way({latency, load, cores, filters}), 5u);
  EXPECT_EQ(way({cores, load, latency, filters}), 2u) << "one core cannot do it";
  EXPECT_EQ(way({cores, filters, load, latency}), 3u);
  EXPECT_EQ(picked({cores, load, latency, filters}, figures, 1).way.cores, 0u)
      << "stopped: what was found until then";
}

TEST(Objectives, SaysWhereEachWasLeftOut) {
  const Picked p = picked({load, cores, filters, latency}, {{4, 0, 9, 5e6, 0, ""},
                                                            {4, 0, 9, 5e6, 0, ""},
                                                            {2, 0, 9, 5e6, 0, ""},
                                                            {2, 0, 0, 5e6, 0, ""},
                                                            {1, 0, 0, 9e6, 0, ""}});
  ASSERT_EQ(p.compared.size(), 4u) << "one was there twice";
  std::vector<std::string> lost;
  for (const auto& c : p.compared) lost.push_back(c.lost);
  EXPECT_EQ(lost, (std::vector<std::string>{"", "cores", "filters", "load"}));
  EXPECT_EQ(p.way.cores, 3u);
}

// 12 gold flows and 200 others at `rate` packets per second each, on up to 4 cores of 1 GHz.
Inputs with(const std::vector<Objective>& order, double rate) {
  Inputs in = inputs("intel_82599", "policy_gold");
  in.workload.objectives = order;
  in.workload.gold_queues = 1;
  in.workload.queues = 8;
  in.workload.cores = 4;
  for (auto& e : in.workload.endpoints) e.rate = 0;
  for (auto& f : in.workload.flows) f.rate = rate;
  ir::Machine machine;
  machine.mhz = 1000;
  for (unsigned c = 0; c < 8; ++c) machine.cpus.push_back({.id = c, .core = c});
  in.machine = machine;
  return in;
}

plan::Plan planned(const Inputs& in) {
  return must(compile(in, {.prove = false, .certify = false}));
}

TEST(Objectives, AsFewCoresAsWillDo) {
  const std::vector<Objective> few = {cores, load, latency, filters};
  const plan::Plan idle = planned(with(few, 100));
  EXPECT_EQ(idle.cores.size(), 1u);
  // As much as two and a half cores can do: two cannot be, whatever comes first.
  const double cycles = idle.cores.front().load / 100;
  EXPECT_EQ(planned(with(few, 2.5e9 / cycles)).cores.size(), 3u);
  // It is part of the plan, and people see it.
  EXPECT_EQ(idle.chosen.objectives,
            (std::vector<std::string>{"cores", "load", "latency", "filters"}));
  const std::string text = plan::to_yaml(idle);
  EXPECT_EQ(plan::to_yaml(must(plan::plan_from_text(text, "p", fields()))), text);
  const std::string shown = plan::preview(idle, {});
  EXPECT_NE(shown.find(": left out by cores"), std::string::npos) << shown;
}

// Rules are for those who must have them.
TEST(Objectives, AsFewFiltersAsWillDo) {
  const Inputs in = with({filters, load, latency, cores}, 100);
  const plan::Plan few = planned(in);
  unsigned gold = 0, most = 0;
  for (const ir::Flow& f : in.workload.flows) gold += f.gold;
  for (const auto& c : few.chosen.compared) most = std::max(most, c.filters);
  ASSERT_GT(gold, 0u);
  EXPECT_EQ(few.configuration.filters.size(), gold);
  EXPECT_EQ(most, in.workload.flows.size());
}

TEST(Objectives, LatencyTakesMoreQueuesForGold) {
  const char* const night = std::getenv("WEFT_NIGHTLY");
  if (night == nullptr || std::string(night) != "1") GTEST_SKIP() << "at night";
  Inputs in = with({latency, load, cores, filters}, 8000);
  in.workload.gold_queues = 0;
  double taken = 0, least = 1e9, most = 0;
  for (const auto& c : planned(in).chosen.compared) {
    if (c.lost.empty()) taken = c.latency_us;
    least = std::min(least, c.latency_us);
    most = std::max(most, c.latency_us);
  }
  EXPECT_GT(least, 0);
  EXPECT_LE(taken, least * (1 + close));
  EXPECT_GT(most, taken * 1.5);
}

TEST(Objectives, NeedAClockWhereTheyAreAboutTime) {
  const auto asked = [](const std::vector<Objective>& order) {
    const auto look = [](const Alternative&) {
      return diag::Result<plan::Compared>(plan::Compared{});
    };
    const auto out = pick(order, {Alternative{}}, false, look, [] { return true; });
    return out ? "fine" : out.error().list.front().code;
  };
  EXPECT_EQ(asked({cores, load, latency, filters}), "E0276");
  EXPECT_EQ(asked({latency, load, cores, filters}), "E0276");
  EXPECT_EQ(asked({filters, load, latency, cores}), "fine");
}

}  // namespace
}  // namespace weft::passes::testing
