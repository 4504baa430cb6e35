// Bad input: every NAME.yaml of tests/golden/input is read by the reader that its first line names
// ("# reader: graph"), and what is rendered must be NAME.expected, to the byte. A change of words
// is taken over with WEFT_UPDATE_GOLDEN=1, and then read by a person.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/frontend/headers_reader.h"
#include "tests/unit/core/shipped.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

std::string text_of(const std::string& path) {
  std::stringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

std::string reader_of(const std::string& path) {
  const std::string text = text_of(path);
  const std::string start = "# reader: ";
  if (!text.starts_with(start)) return "";
  return text.substr(start.size(), text.find('\n') - start.size());
}

template <class T>
std::string outcome(const diag::Result<T>& result) {
  return result ? "accepted\n" : diag::render(result.error(), false);
}

std::string read(const std::string& reader, const std::string& path) {
  if (reader == "graph") return outcome(frontend::read_graph(path, test::fields()));
  if (reader == "nic") return outcome(frontend::read_nic(path, test::fields()));
  if (reader == "workload") return outcome(frontend::read_workload(path));
  if (reader == "machine") return outcome(frontend::read_machine(path));
  if (reader == "headers") return outcome(frontend::read_header_files({path}));
  return "no reader called `" + reader + "`\n";
}

class GoldenInput : public ::testing::TestWithParam<std::string> {
 protected:
  // So that places in the expected text are file names without folders.
  void SetUp() override {
    test::fields();
    before_ = fs::current_path();
    fs::current_path(test::source("tests/golden/input"));
  }
  void TearDown() override { fs::current_path(before_); }
  fs::path before_;
};

TEST_P(GoldenInput, IsExplained) {
  const std::string name = GetParam();
  const std::string got = read(reader_of(name + ".yaml"), name + ".yaml");
  if (std::getenv("WEFT_UPDATE_GOLDEN") != nullptr) std::ofstream(name + ".expected") << got;
  EXPECT_EQ(got, text_of(name + ".expected"));
  EXPECT_TRUE(got.starts_with("error[E0")) << "bad input must be refused, with a code";
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const std::string& path : test::yaml_files("tests/golden/input")) {
    out.push_back(fs::path(path).stem().string());
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, GoldenInput, ::testing::ValuesIn(names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace weft
