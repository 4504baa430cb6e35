// Where a workload orders its objectives, the order picks one of several choices.
#include "compiler/passes/objectives.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

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
  const auto least = [](const Alternative&) { return plan::Compared(); };
  return must(pick(order, all, true, look, least, [&] { return looked < most; }));
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

// What cannot be better than what was found is not looked at.
TEST(Objectives, TheBeatenAreNotMade) {
  std::vector<unsigned> looked;
  const auto look = [&](const Alternative& way) -> diag::Result<plan::Compared> {
    looked.push_back(way.cores);
    plan::Compared out;
    out.cores = way.cores;
    out.load = 12e6 / way.cores;
    out.filters = way.few_filters ? 0 : 9;
    return out;
  };
  const auto least = [](const Alternative& way) {
    plan::Compared out;
    out.cores = way.cores;
    out.load = (way.cores == 3 ? 8e6 : 12e6) / way.cores;
    return out;
  };
  const std::vector<Alternative> all = {{4, 0, false}, {4, 0, true}, {2, 0, false}, {3, 0, false}};
  const auto found =
      must(pick({load, latency, cores, filters}, all, true, look, least, [] { return true; }));
  EXPECT_EQ(looked, (std::vector<unsigned>{4, 4, 3})) << "two cores have 6 million each at least";
  EXPECT_TRUE(found.way.few_filters);
  looked.clear();
  must(pick({cores, load, latency, filters}, all, true, look, least, [] { return true; }));
  EXPECT_EQ(looked, (std::vector<unsigned>{4, 4, 2})) << "three are more than two";
}

// Where it is the load that comes first, only time is mended by another way.
TEST(Objectives, ARefusalIsOne) {
  unsigned looked = 0;
  const auto found = [&](const char* code, const std::vector<Objective>& order) {
    looked = 0;
    const auto look = [&](const Alternative&) -> diag::Result<plan::Compared> {
      if (++looked == 1) return diag::fail(diag::Diagnostic{code, "no"});
      return plan::Compared{};
    };
    return pick(
               order, {{2, 0, false}, {1, 0, false}}, true, look,
               [](const Alternative&) { return plan::Compared(); }, [] { return true; })
        .has_value();
  };
  EXPECT_FALSE(found("E0803", {load, latency, cores, filters}));
  EXPECT_EQ(looked, 1u);
  EXPECT_TRUE(found("E0804", {load, latency, cores, filters}));
  EXPECT_TRUE(found("E0803", {cores, load, latency, filters}));
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

// The usual order is the one of DESIGN 4, written out or not.
TEST(Objectives, TheUsualOrderNeedNotBeWritten) {
  const std::string path = ::testing::TempDir() + "weft_objectives.yaml";
  for (const char* name : {"policy_balance", "policy_gold", "policy_static", "trust"}) {
    Inputs in = inputs("intel_82599", name);
    const std::string text = plan::to_yaml(planned(in));
    EXPECT_NE(text.find("objectives: [load, latency, cores, filters]"), std::string::npos);
    std::ifstream file(in.workload.path);
    std::stringstream all;
    all << "objectives: [load, latency, cores, filters]\n" << file.rdbuf();
    std::ofstream(path) << all.str();
    const std::string digest = in.workload.digest;
    in.workload = must(frontend::read_workload(path));
    in.workload.digest = digest;  // (the text is another one)
    EXPECT_EQ(plan::to_yaml(planned(in)), text) << name;
  }
}

// Flows without a wish, on a card of 1 GHz cores.
Inputs flows_of(const std::vector<double>& rates, unsigned cores) {
  Inputs in = inputs("intel_82599", "policy_balance");
  ir::Workload& w = in.workload;
  w.queues = w.cores = cores;
  w.endpoints.resize(1);
  w.endpoints.front().rate = 0;
  ir::Flow flow = w.flows.front();
  flow.endpoint = 0;
  flow.dst_port = w.endpoints.front().port;
  flow.queue.reset();
  w.flows.clear();
  for (const double rate : rates) {
    ++flow.src_port;
    flow.rate = rate;
    w.flows.push_back(flow);
  }
  return in;
}

TEST(Objectives, CoresThatLessenNothingAreLeftOut) {
  // One flow has more than the four others: more than two cores do not help it.
  EXPECT_EQ(planned(flows_of({4500, 1000, 1000, 1000, 1000}, 4)).cores.size(), 2u);
  EXPECT_EQ(planned(flows_of({1000, 1000, 1000, 1000}, 4)).cores.size(), 4u);
  // Somebody comes of whom nobody says how often.
  Inputs in = flows_of({4500, 1000, 1000, 1000, 1000}, 4);
  in.workload.endpoints.push_back(in.workload.endpoints.front());
  in.workload.endpoints.back().name = "other";
  in.workload.endpoints.back().port += 1;
  EXPECT_EQ(planned(in).cores.size(), 4u);
}

// A rule for all that comes to an endpoint brings its flows, too.
TEST(Objectives, NoRuleBesideOneThatDoesTheSame) {
  Inputs in = flows_of({1000, 1000, 1000, 1000}, 3);  // one queue for each, and everybody's
  ir::Workload& w = in.workload;
  w.endpoints.push_back(w.endpoints.front());
  w.endpoints.back().name = "guest";
  w.endpoints.back().port += 1;
  for (ir::Endpoint& e : w.endpoints) e.trust = e.name;
  const plan::Plan plan = must(compile(in, {}));
  EXPECT_EQ(plan.configuration.filters.size(), 2u) << plan::preview(plan, {.all = true});
  EXPECT_EQ(plan.proof.status, "proved");
  EXPECT_EQ(plan.chosen.certified, std::vector<std::string>{"filters"});
}

TEST(Objectives, NeedAClockWhereTheyAreAboutTime) {
  const auto asked = [](const std::vector<Objective>& order) {
    const auto look = [](const Alternative&) {
      return diag::Result<plan::Compared>(plan::Compared{});
    };
    const auto out = pick(
        order, {Alternative{}}, false, look, [](const Alternative&) { return plan::Compared(); },
        [] { return true; });
    return out ? "fine" : out.error().list.front().code;
  };
  EXPECT_EQ(asked({cores, load, latency, filters}), "E0276");
  EXPECT_EQ(asked({latency, load, cores, filters}), "E0276");
  EXPECT_EQ(asked({filters, load, latency, cores}), "fine");
}

}  // namespace
}  // namespace weft::passes::testing
