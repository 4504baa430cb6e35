// For tests of tables in READMEs: which tests this program has, and where the tables are.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>

namespace weft::test {

// "Suite.name" of each test that is linked into this program.
inline std::set<std::string> registered_tests() {
  std::set<std::string> tests;
  const auto& unit = *testing::UnitTest::GetInstance();
  for (int s = 0; s < unit.total_test_suite_count(); ++s) {
    const auto& suite = *unit.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t)
      tests.insert(std::string(suite.name()) + "." + suite.GetTestInfo(t)->name());
  }
  return tests;
}

// The tree's top folder; WEFT_ROOT names another one.
inline std::string source_root() {
  const char* const set = std::getenv("WEFT_ROOT");
  return set != nullptr ? set : WEFT_SOURCE_DIR;
}

}  // namespace weft::test
