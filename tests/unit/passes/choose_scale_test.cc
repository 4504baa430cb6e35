// Many flows: full tables, and lists of 100,000. Limits are of processor time, the least of a few
// runs, and several times what is wanted (tests/bench/run choose prints the real figures), so that
// they fail when something grows faster than the number of flows, not when a machine is slow.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "compiler/passes/choose.h"
#include "tests/unit/passes/fixture.h"
#include "tests/unit/passes/many_flows.h"

namespace weft::passes::testing {
namespace {

constexpr double patience = 5;

// Milliseconds of processor time, the least of three runs.
template <class F>
double cpu_ms(F&& what) {
  double least = 1e300;
  for (unsigned run = 0; run < 3; ++run) {
    const auto now = [] {
      timespec t{};
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
      return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
    };
    const double before = now();
    what();
    least = std::min(least, now() - before);
  }
  return least;
}

std::string scratch(const std::string& name) {
  return fmt::format("{}weft_many_{}_{}", ::testing::TempDir(), getpid(), name);
}

ir::Workload read_ranges(const ManyFlows& many) {
  const std::string path = scratch("ranges.yaml");
  write_text(path, many.ranges());
  ir::Workload out = must(frontend::read_workload(path));
  unlink(path.c_str());
  return out;
}

TEST(ChooseScale, ExactlyAsManyFlowsAsTheTablesOfThe82599Take) {
  Inputs in = inputs("intel_82599", "quickstart");
  in.workload.endpoints.front().rate = 0;
  in.workload.flows.clear();
  for (unsigned i = 0; i < 128 + 2046; ++i)
    in.workload.flows.push_back({.src = 0x0a070001 + i % 190,
                                 .src_port = static_cast<std::uint16_t>(10'000 + i),
                                 .dst_port = 7,
                                 .rate = 1.0 + i % 7});
  const Choice choice = must(choose(in, {}));
  std::map<std::string, unsigned> used;
  for (const auto& f : choice.flows) ++used[f.table];
  EXPECT_EQ(used, (std::map<std::string, unsigned>{{"ntuple5", 128}, {"fdir", 2046}}));
  EXPECT_TRUE(
      std::count(choice.chosen.certified.begin(), choice.chosen.certified.end(), "filters"));
  EXPECT_LE(choice.chosen.queues.share(), 0.001);
}

TEST(ChooseScale, HundredThousandFlowsOn128Queues) {
  const ManyFlows many;
  for (const char* nic : {"intel_e810", "ideal", "intel_82599"}) {
    Inputs in = inputs(nic, "quickstart");
    in.workload = read_ranges(many);
    ASSERT_EQ(in.workload.flows.size(), 100'000u);
    Options guess;
    guess.certify = false;
    Choice choice;
    const double spent = cpu_ms([&] { choice = must(choose(in, guess)); });
    EXPECT_LE(spent, 100 * patience) << nic;
    EXPECT_EQ(choice.flows.size(), 100'000u) << nic;
    EXPECT_EQ(choice.rx_queues, std::min({128u, in.nic.rx_queues.max, in.nic.tx_queues.max}));
    for (const auto& f : choice.flows) ASSERT_LT(f.queue, choice.rx_queues);
  }
}

TEST(ChooseScale, HundredThousandFlowsAreReadFromRangesAndFromCsv) {
  const ManyFlows many;
  const std::string ranges = scratch("r.yaml"), with_csv = scratch("c.yaml"),
                    csv = scratch("c.csv");
  write_text(ranges, many.ranges());
  write_text(with_csv, many.with_csv(csv));
  write_text(csv, many.csv());
  for (const std::string& path : {ranges, with_csv}) {
    std::size_t flows = 0;
    const double spent = cpu_ms([&] { flows = must(frontend::read_workload(path)).flows.size(); });
    EXPECT_EQ(flows, 100'000u) << path;
    EXPECT_LE(spent, 300 * patience) << path;
  }
  const auto by_range = must(frontend::read_workload(ranges)).flows;
  const auto by_line = must(frontend::read_workload(with_csv)).flows;
  ASSERT_EQ(by_range.size(), by_line.size());
  for (std::size_t i = 0; i < by_range.size(); ++i) {
    ASSERT_EQ(by_range[i].src, by_line[i].src) << i;
    ASSERT_EQ(by_range[i].src_port, by_line[i].src_port) << i;
    ASSERT_EQ(by_range[i].dst_port, by_line[i].dst_port) << i;
    ASSERT_EQ(by_range[i].rate, by_line[i].rate) << i;
  }
  for (const std::string& path : {ranges, with_csv, csv}) unlink(path.c_str());
}

}  // namespace
}  // namespace weft::passes::testing
