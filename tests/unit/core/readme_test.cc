// The examples of graphs/README.md are read as they stand there.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/unit/core/shipped.h"

namespace weft {
namespace {

std::vector<std::string> yaml_blocks(const std::string& path) {
  std::vector<std::string> out;
  std::ifstream in(path);
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (inside && line == "```") {
      inside = false;
    } else if (inside) {
      out.back() += line + "\n";
    } else if (line == "```yaml") {
      out.emplace_back();
      inside = true;
    }
  }
  return out;
}

TEST(Readme, ExamplesAreTrue) {
  unsigned graphs = 0;
  unsigned workloads = 0;
  for (const std::string& block : yaml_blocks(test::source("graphs/README.md"))) {
    if (block.starts_with("graph:")) {
      const auto graph = frontend::graph_from_text(block, "README.md", test::fields());
      EXPECT_TRUE(graph) << test::errors(graph.error());
      ++graphs;
    }
    if (block.starts_with("workload:")) {
      const std::string path = testing::TempDir() + "weft_readme_workload.yaml";
      std::ofstream(path) << block;
      const auto workload = frontend::read_workload(path);
      EXPECT_TRUE(workload) << test::errors(workload.error());
      std::filesystem::remove(path);
      ++workloads;
    }
  }
  EXPECT_EQ(graphs, 1U);
  EXPECT_EQ(workloads, 1U);
}

}  // namespace
}  // namespace weft
