// A probe of an emulated card finds what its model says, and where a card differs, that.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <fstream>

#include "compiler/frontend/nic_print.h"
#include "compiler/passes/pipeline.h"
#include "runtime/probe/learned.h"
#include "tests/unit/passes/fixture.h"
#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

probe::Findings findings(ir::NicModel nic, unsigned most = 0) {
  Bench bench(std::move(nic), 1, {});
  auto found = probe::probe("emulated", bench.control(), most);
  if (!found) {
    ADD_FAILURE() << diag::render(found.error(), false);
    std::abort();
  }
  return std::move(*found);
}

ir::Node& node_of(ir::Graph& graph, const char* id) { return graph.node(*graph.find(id)); }

std::vector<std::string> catalogue() {
  std::vector<std::string> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(frontend::source_root() + "/nicmodels"))
    if (entry.path().extension() == ".yaml") out.push_back(entry.path().stem().string());
  return out;
}

// As the compiler will get it: printed, read, verified.
ir::NicModel read_back(const ir::NicModel& nic) {
  const auto path = std::filesystem::temp_directory_path() / (nic.name + ".yaml");
  std::ofstream(path) << frontend::print_nic(nic, "a probe", "a comment");
  auto read = frontend::read_nic(path.string(), fields());
  std::filesystem::remove(path);
  if (!read) {
    ADD_FAILURE() << diag::render(read.error(), false);
    std::abort();
  }
  const auto verified = passes::verify_nic(*read, fields());
  EXPECT_TRUE(verified) << diag::render(verified.error(), false);
  return std::move(*read);
}

TEST(Probe, EveryEmulatedCardIsWhatItsModelSays) {
  ASSERT_GE(catalogue().size(), 25U);
  for (const std::string& name : catalogue()) {
    const ir::NicModel nic = model(name);
    const auto found = findings(nic, name == "intel_82599" ? 130 : 0);
    EXPECT_EQ(found.driver, nic.driver) << name;
    const auto differs = probe::differences(nic, found, fields());
    EXPECT_TRUE(differs.empty()) << name << ": " << differs.front();
    const auto same = read_back(probe::narrowed(nic, found, "probed", fields()));
    EXPECT_EQ(frontend::print_graph(same.receive).substr(same.receive.name.size() + 8),
              frontend::print_graph(nic.receive).substr(nic.receive.name.size() + 8))
        << name;
  }
}

TEST(Probe, FindsThe128RulesOfThe82599) {
  const auto found = findings(model("intel_82599"), 130);
  bool seen = false;
  for (const auto& [rule, n] : found.fits) {
    if (rule != "flow + protocol, priority 1") continue;
    EXPECT_EQ(n, 128U);
    seen = true;
  }
  EXPECT_TRUE(seen);
  EXPECT_TRUE(found.one_mask);
  EXPECT_FALSE(found.one_mask_per_type);
  EXPECT_TRUE(findings(model("intel_xl710")).one_mask_per_type);
  EXPECT_FALSE(findings(model("ideal")).one_mask);
}

TEST(Probe, SaysWhereAPortHasLess) {
  const ir::NicModel known = model("intel_82599");
  ir::NicModel less = known;
  less.rx_queues.max = 16;
  node_of(less.receive, "queues").count = 16;
  node_of(less.receive, "ntuple5").config.table->capacity = 20;
  node_of(less.receive, "rss").config.rss->table_settable = false;
  node_of(less.transmit, "vlan_insert").config.offloads = {"TX_QINQ_INSERT"};
  node_of(less.receive, "fdir").config.table->actions = {"queue"};
  node_of(less.receive, "fdir").config.table->mark_required = false;
  node_of(less.receive, "fdir").config.table->priority = {9, 9};
  const auto found = findings(less, 40);
  const auto differs = probe::differences(known, found, fields());
  const std::string all = fmt::format("{}", fmt::join(differs, "\n"));
  for (const char* line :
       {"16 receive queues, the model says 128", "20 rules fit into ntuple5, the model says 128",
        "0 entries of indirection table, the model says 128", "the indirection table can't be set",
        "no TX_VLAN_INSERT, the model has it as vlan_insert", "refuses `flow, mark` (",
        "no mark action), which the model has in fdir"})
    EXPECT_NE(all.find(line), std::string::npos) << line << "\nin\n" << all;

  const ir::NicModel mine = read_back(probe::narrowed(known, found, "mine", fields()));
  EXPECT_EQ(mine.rx_queues.max, 16U);
  EXPECT_FALSE(mine.receive.find("fdir")) << "none of its rules was taken";
  EXPECT_FALSE(mine.transmit.find("vlan_insert"));
  EXPECT_EQ(mine.receive.node(*mine.receive.find("ntuple5")).config.table->capacity, 20U);
  EXPECT_FALSE(mine.receive.node(*mine.receive.find("rss")).config.rss->predictable);
  EXPECT_TRUE(probe::differences(mine, found, fields()).empty());
}

// A driver that nobody knows: its rules are used, its words in descriptors are not.
TEST(Probe, AnUnknownDriverIsBelievedWhatItShows) {
  const auto found = findings(model("intel_82599"), 130);
  const ir::NicModel nic = read_back(probe::model_of(found, "unknown", fields()));
  const auto& prioritised = *nic.receive.node(*nic.receive.find("prioritised")).config.table;
  EXPECT_EQ(prioritised.capacity, 128U);
  EXPECT_FALSE(prioritised.capacity_by_device);
  EXPECT_EQ(prioritised.priority, (std::pair{1U, 1U}));
  EXPECT_EQ(prioritised.shapes.size(), 6U) << "flow, address and port, port, of UDP and of TCP";
  const auto& marked = *nic.receive.node(*nic.receive.find("marked")).config.table;
  EXPECT_TRUE(marked.mark_required);
  EXPECT_EQ(marked.same_mask_per, "port");
  EXPECT_EQ(marked.fields.at("ipv4.src"), ir::Match::full_or_ignored)
      << "nobody has seen whether a mask is obeyed";
  for (auto [v, end] = vertices(nic.receive.g); v != end; ++v)
    EXPECT_FALSE(nic.receive.node(*v).config.report);
  EXPECT_TRUE(nic.transmit.find("l4_cksum"));
}

// Connections of an endpoint get a queue by rules that nobody but the probe has seen.
TEST(Probe, RulesForTcpOfAnUnknownDriverAreUsed) {
  auto in = passes::testing::inputs("intel_x550", "policy_gold_tcp", "host_ipv4");
  in.nic = read_back(probe::model_of(findings(in.nic, 20), "unknown", fields()));
  const auto& table = *in.nic.receive.node(*in.nic.receive.find("rules")).config.table;
  EXPECT_EQ(table.types.size(), 2U);
  EXPECT_EQ(table.fields.at("tcp.dst_port"), ir::Match::full);
  EXPECT_EQ(table.fields.at("tcp.src_port"), ir::Match::full_or_none);
  in.workload.policy = ir::Policy::balance;  // (the rest is spread over all queues, gold's too)
  in.workload.gold_queues = 0;
  in.workload.endpoints[0].gold = false;
  in.workload.endpoints[0].queues = ir::QueueRange{1, 1};
  in.workload.cores = 2;
  const auto plan = passes::compile(in, {});
  ASSERT_TRUE(plan) << diag::render(plan.error(), false);
  const auto about_tcp = [](const plan::Filter& f) { return f.match.contains("tcp.dst_port"); };
  EXPECT_TRUE(std::any_of(plan->configuration.filters.begin(), plan->configuration.filters.end(),
                          about_tcp));
}

}  // namespace
}  // namespace weft::test
