// The table of requirements is true: every number is there once, code and tests exist.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/unit/registered.h"

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

std::set<std::string> tests_in(const std::string& folder) {
  std::set<std::string> all;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line);) {
      const auto comma = line.find(", "), end = line.find(')');
      if (line.rfind("TEST(", 0) != 0 || comma > end) continue;
      all.insert(line.substr(5, comma - 5) + "." + line.substr(comma + 2, end - comma - 2));
    }
  }
  return all;
}

TEST(TcpRequirements, EveryRowHasItsCodeAndItsTest) {
  const std::set<std::string> tests = registered_tests();
  const std::string root = source_root();
  const std::set<std::string> port_tests = tests_in(root + "/tests/unit/sim");
  std::map<std::string, unsigned> numbers;
  for (const auto& row : rows(root)) {
    ASSERT_EQ(row.size(), 4u) << row[0];
    ++numbers[row[0]];
    if (row[3].rfind("not there: ", 0) == 0) {
      EXPECT_EQ(row[2], "-") << row[0];
      continue;
    }
    // (What the machine can't do is done elsewhere, and mostly tested through the simulation port.)
    const bool elsewhere = row[2].find('/') != std::string::npos;
    const std::string place = elsewhere ? "/" : "/stack-nodes/tcp/machine/";
    EXPECT_TRUE(std::filesystem::exists(root + place + row[2])) << row[0];
    EXPECT_TRUE((elsewhere && port_tests.count(row[3]) == 1) || tests.count(row[3]) == 1)
        << row[0] << " names " << row[3];
  }
  for (unsigned i = 1; i <= 69; ++i) EXPECT_EQ(numbers["MUST-" + std::to_string(i)], 1u) << i;
  for (unsigned i = 1; i <= 31; ++i) EXPECT_EQ(numbers["SHLD-" + std::to_string(i)], 1u) << i;
}

}  // namespace
}  // namespace weft::test
