#include "compiler/diag/diagnostic.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "compiler/diag/codes.h"
#include "compiler/frontend/places.h"

namespace weft::diag {
namespace {

namespace fs = std::filesystem;

class Rendering : public ::testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(path_) << text; }
  ~Rendering() override { fs::remove(path_); }
  std::string path_ = testing::TempDir() + "weft_diagnostic_test.yaml";
};

TEST_F(Rendering, ShowsLineCaretLabelAndHelp) {
  write("nodes:\n  a:\n    chekcsum: offload\n");
  const Diagnostic d{.code = "E0104",
                     .message = "unknown key `chekcsum` in node `a`",
                     .span = {path_, 3, 5, 8},
                     .label = "did you mean `checksum`?",
                     .help = "allowed keys: checksum"};
  EXPECT_EQ(render(d, false), "error[E0104]: unknown key `chekcsum` in node `a`\n --> " + path_ +
                                  ":3:5\n"
                                  "  |\n"
                                  "3 |     chekcsum: offload\n"
                                  "  |     ^^^^^^^^ did you mean `checksum`?\n"
                                  "  = help: allowed keys: checksum  (weft explain E0104)\n");
}

TEST_F(Rendering, CaretCountsCharactersNotBytes) {
  write("title: \"K\xc3\xb6ln\" x\n");
  const std::string text = render({.message = "m", .span = {path_, 1, 16, 1}}, false);
  EXPECT_NE(text.find("1 | title: \"K\xc3\xb6ln\" x\n  |               ^\n"), std::string::npos)
      << text;
}

TEST_F(Rendering, CutsLongLinesAroundTheCaret) {
  write(std::string(5000, 'x') + "HERE" + std::string(5000, 'y') + "\n");
  const std::string text = render({.message = "m", .span = {path_, 1, 5001, 4}}, false);
  EXPECT_LT(text.size(), 500U);
  std::istringstream lines(text);
  std::string source;
  std::string caret;
  for (int i = 0; i < 4; ++i) std::getline(lines, source);
  std::getline(lines, caret);
  EXPECT_EQ(source.find("HERE"), caret.find("^^^^"));
  EXPECT_NE(source.find("HERE"), std::string::npos);
}

TEST_F(Rendering, DoesWithoutTheFile) {
  EXPECT_EQ(render({.code = "E9999", .message = "m", .span = {"no/such/file", 3, 5, 8}}, false),
            "error[E9999]: m\n --> no/such/file:3:5\n");
  EXPECT_EQ(render({.message = "m"}, false), "error: m\n");
}

TEST_F(Rendering, ColourOnlyWhenAsked) {
  EXPECT_EQ(render({.message = "m"}, false).find('\x1b'), std::string::npos);
  EXPECT_NE(render({.message = "m"}, true).find('\x1b'), std::string::npos);
}

TEST(Nearest, FindsTyposAndNothingElse) {
  const std::vector<std::string> words = {"checksum", "options", "min_ttl", "to"};
  EXPECT_EQ(nearest("chekcsum", words), "checksum");
  EXPECT_EQ(nearest("option", words), "options");
  EXPECT_EQ(nearest("ot", words), "to");
  EXPECT_EQ(nearest("completely", words), "");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest("x", {}), "");
}

TEST(Codes, AreSortedUniqueAndFindable) {
  const auto codes = all_codes();
  ASSERT_GT(codes.size(), 50U);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    EXPECT_TRUE(i == 0 || codes[i - 1].code < codes[i].code) << codes[i].code;
    EXPECT_EQ(find_code(codes[i].code), &codes[i]);
    EXPECT_FALSE(codes[i].text.empty());
  }
  EXPECT_EQ(find_code("E9999"), nullptr);
  EXPECT_EQ(find_code(""), nullptr);
}

// `weft explain` has an answer for every code that the sources can print.
TEST(Codes, EveryCodeInTheSourcesIsExplained) {
  const std::regex quoted("\"(E0[0-9]{3})\"");
  std::set<std::string> used;
  for (const char* folder : {"compiler", "runtime", "stack-nodes"}) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(frontend::source_root()) / folder)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("code") && entry.path().parent_path().filename() == "diag") continue;
      if (entry.path().extension() != ".cc" && entry.path().extension() != ".h") continue;
      std::stringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      const std::string all = text.str();
      for (std::sregex_iterator at(all.begin(), all.end(), quoted), end; at != end; ++at) {
        used.insert((*at)[1]);
      }
    }
  }
  EXPECT_GT(used.size(), 40U);
  for (const std::string& code : used) EXPECT_NE(find_code(code), nullptr) << code;
}

}  // namespace
}  // namespace weft::diag
