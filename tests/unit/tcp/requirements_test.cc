// The table of requirements is true: every number is there once, code and tests exist.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace weft::test {
namespace {

std::vector<std::vector<std::string>> rows(const std::string& root) {
  std::vector<std::vector<std::string>> all;
  std::ifstream in(root + "/stack-nodes/tcp/REQUIREMENTS.md");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("| ", 0) != 0 || line.rfind("| number", 0) == 0) continue;
    std::vector<std::string> cells;
    std::istringstream cut(line.substr(2));
    for (std::string cell; std::getline(cut, cell, '|');) {
      while (!cell.empty() && cell.back() == ' ') cell.pop_back();
      cells.push_back(cell.substr(std::min(cell.find_first_not_of(' '), cell.size())));
    }
    all.push_back(cells);
  }
  return all;
}

TEST(TcpRequirements, EveryRowHasItsCodeAndItsTest) {
  std::set<std::string> tests;
  const auto& unit = *testing::UnitTest::GetInstance();
  for (int s = 0; s < unit.total_test_suite_count(); ++s) {
    const auto& suite = *unit.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t)
      tests.insert(std::string(suite.name()) + "." + suite.GetTestInfo(t)->name());
  }
  const char* const set = std::getenv("WEFT_ROOT");
  const std::string root = set != nullptr ? set : WEFT_SOURCE_DIR;
  std::map<std::string, unsigned> numbers;
  for (const auto& row : rows(root)) {
    ASSERT_EQ(row.size(), 4u) << row[0];
    ++numbers[row[0]];
    if (row[3].rfind("not there: ", 0) == 0) {
      EXPECT_EQ(row[2], "-") << row[0];
      continue;
    }
    EXPECT_TRUE(std::filesystem::exists(root + "/stack-nodes/tcp/machine/" + row[2])) << row[0];
    EXPECT_EQ(tests.count(row[3]), 1u) << row[0] << " names " << row[3];
  }
  for (unsigned i = 1; i <= 69; ++i) EXPECT_EQ(numbers["MUST-" + std::to_string(i)], 1u) << i;
  for (unsigned i = 1; i <= 31; ++i) EXPECT_EQ(numbers["SHLD-" + std::to_string(i)], 1u) << i;
}

}  // namespace
}  // namespace weft::test
