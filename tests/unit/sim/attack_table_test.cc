// README.md's table of attacks is true: each row is there, and so is its test.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/unit/registered.h"

namespace weft::test {
namespace {

// Suites that are other programs'.
bool elsewhere(const std::string& test) {
  return test.rfind("Tcp", 0) == 0 || test.rfind("Exhausted.", 0) == 0;
}
std::string source_of(const std::string& root, const std::string& test) {
  const bool exhausted = test.rfind("Exhausted.", 0) == 0;
  std::string all;
  for (const char* file : {"/tests/unit/tcp/timers_test.cc", "/tests/unit/tcp/loss_test.cc"}) {
    std::ifstream in(root + (exhausted ? "/tests/sim/exhaustion_test.cc" : file));
    std::stringstream text;
    text << in.rdbuf();
    all += text.str();
  }
  return all;
}

TEST(AttackTable, EveryRowHasItsTest) {
  const std::set<std::string> tests = registered_tests();
  const std::string root = source_root();
  std::ifstream in(root + "/tests/unit/sim/README.md");
  std::set<int> rows;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("| ", 0) != 0 || std::isdigit(line[2]) == 0) continue;
    rows.insert(std::stoi(line.substr(2)));
    const auto end = line.rfind(" |"), begin = line.rfind("| ", end - 1) + 2;
    const std::string test = line.substr(begin, end - begin);
    if (!elsewhere(test)) {
      EXPECT_EQ(tests.count(test), 1u) << line;
      continue;
    }
    std::string name = test;
    name.replace(name.find('.'), 1, ", ");
    EXPECT_NE(source_of(root, test).find("TEST(" + name + ")"), std::string::npos) << line;
  }
  for (int row = 1; row <= 45; ++row) {
    if (row <= 31 || row >= 36) {
      EXPECT_EQ(rows.count(row), 1u) << row;
    }
  }
}

}  // namespace
}  // namespace weft::test
