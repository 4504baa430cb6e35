// Schemas are what the readers take, in samples that use every key. After a change of a reader
// WEFT_UPDATE_GOLDEN=1 writes them anew; a new key wants a sample (tests/golden/schema).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/frontend/schema_log.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/inputs.h"

namespace weft::tool {
namespace {

using Names = std::vector<std::string>;

std::vector<std::string> yaml_files(const Names& folders) {
  std::vector<std::string> out;
  for (const std::string& folder : folders)
    for (const auto& entry :
         std::filesystem::directory_iterator(frontend::source_root() + "/" + folder))
      if (entry.path().extension() == ".yaml") out.push_back(entry.path().string());
  std::sort(out.begin(), out.end());
  return out;
}

std::string key_of(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  while (std::getline(file, line) && line.starts_with("#")) {
  }
  return line.substr(0, line.find(':'));
}

struct PlanSample {
  std::string graph, nic, workload, machine;
  bool proved = false;
  std::optional<double> time_limit;
};

// Nobody writes plans by hand: one is made, written, and read.
void take_plan(frontend::SchemaLog& log, const ir::FieldTable& fields, const PlanSample& sample) {
  auto in = load_inputs(sample.graph, sample.nic, sample.workload, "default");
  ASSERT_TRUE(in.has_value()) << diag::render(in.error(), false);
  if (!sample.machine.empty()) {
    auto read = frontend::read_machine(sample.machine);
    ASSERT_TRUE(read.has_value()) << diag::render(read.error(), false);
    in->machine = std::move(*read);
  }
  passes::Options options;
  options.prove = sample.proved;
  options.time_limit = sample.time_limit;
  auto plan = passes::compile(*in, options);
  ASSERT_TRUE(plan.has_value()) << diag::render(plan.error(), false);
  ASSERT_TRUE(plan::plan_from_text(plan::to_yaml(*plan), "plan", fields).has_value());
  log.take("plan");
}

// A residue's graph is read as all graphs are, and has some keys never.
bool of_no_residue(const std::string& key) {
  const std::string graph = "residues[].graph.";
  return key == graph + "drops" || key == graph + "nodes.*.cluster" ||
         key == graph + "nodes.*.counter" || key == graph + "nodes.*.reason";
}

TEST(Schemas, AreWhatReadersTake) {
  const std::string root = frontend::source_root(), samples = root + "/tests/golden/schema/";
  const auto fields = load_fields();
  ASSERT_TRUE(fields.has_value());
  frontend::SchemaLog log;
  for (const std::string& path :
       yaml_files({"graphs", "graphs/workloads", "nicmodels", "tests/golden/schema"})) {
    const std::string kind = key_of(path);
    const bool good = kind == "graph"      ? frontend::read_graph(path, *fields).has_value()
                      : kind == "nic"      ? frontend::read_nic(path, *fields).has_value()
                      : kind == "workload" ? frontend::read_workload(path).has_value()
                      : kind == "machine"  ? frontend::read_machine(path).has_value()
                                           : false;
    ASSERT_TRUE(good) << path;
    log.take(kind);
  }
  log.alike("nic", {"receive", "transmit"});
  for (const PlanSample& sample : {
           PlanSample{"host_udp_ipv4", "intel_82599", samples + "plan_workload.yaml",
                      samples + "plan_machine.yaml"},
           {"host_ipv4", "intel_82599", samples + "plan_spread.yaml"},
           {"host_udp_ipv4", "intel_e810", samples + "plan_symmetric.yaml"},
           {"host_udp_ipv4", "mellanox_connectx5", samples + "plan_groups.yaml", "", false, 0.0},
           {"host_udp_ipv4", "intel_e810", "trust"},
           {"host_udp_ipv4", "none", "quickstart", "", true},
       })
    take_plan(log, *fields, sample);
  for (const auto& [kind, file] : schema_files()) {
    Names unused = log.unused(kind);
    std::erase_if(unused, of_no_residue);
    EXPECT_EQ(unused, Names()) << "samples of a " << kind << " lack these keys";
    const std::string now = log.schema(kind, "A " + kind + " of weft").dump(1) + "\n";
    if (std::getenv("WEFT_UPDATE_GOLDEN") != nullptr) std::ofstream(root + "/" + file) << now;
    std::stringstream written;
    written << std::ifstream(root + "/" + file).rdbuf();
    EXPECT_EQ(written.str(), now) << file << " is another: WEFT_UPDATE_GOLDEN=1 writes it anew";
  }
}

}  // namespace
}  // namespace weft::tool
