#include "compiler/frontend/yaml_reader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/core/shipped.h"

namespace weft::frontend {
namespace {

namespace fs = std::filesystem;

Document parse(const std::string& text) {
  auto document = parse_yaml(text, "t.yaml");
  if (!document) throw std::runtime_error(test::errors(document.error()));
  return std::move(*document);
}

TEST(YamlReader, ReadsTypedValues) {
  const Document d = parse(
      "text: a b\nname: x_1\ndotted: ipv4.checksum_ok\nhex: 0x1F\nnumber: 42\nreal: 2.5\n"
      "on: on\nlist: [1, 2]\nmap: {a: 1}\nquoted: \"no\"\n");
  Mapping m(d.root(), "the file");
  EXPECT_EQ(m.required("text").text(), "a b");
  EXPECT_EQ(m.required("name").name(), "x_1");
  EXPECT_EQ(m.required("dotted").dotted(), "ipv4.checksum_ok");
  EXPECT_EQ(m.required("hex").number(0, 100), 31U);
  EXPECT_EQ(m.required("number").number(0, 100), 42U);
  EXPECT_EQ(m.required("real").real(0, 10), 2.5);
  EXPECT_TRUE(m.required("on").flag());
  EXPECT_EQ(m.required("list").list().size(), 2U);
  EXPECT_EQ(m.required("map").members().size(), 1U);
  EXPECT_EQ(m.required("quoted").name(), "no");
  EXPECT_FALSE(m.optional("absent").has_value());
  m.done();
  EXPECT_TRUE(d.ok()) << test::errors(d.errors());
}

TEST(YamlReader, AbsentValuesReportOnce) {
  const Document d = parse("a: 1\n");
  Mapping m(d.root(), "the file");
  const Value missing = m.required("wanted");
  EXPECT_EQ(missing.number(3, 9), 3U);
  EXPECT_EQ(missing.text(), "");
  EXPECT_EQ(missing.list().size(), 0U);
  m.optional("a");
  m.done();
  ASSERT_EQ(d.errors().list.size(), 1U);
  EXPECT_EQ(d.errors().list[0].code, "E0108");
}

// `tx` is near `rx`, and is asked for later: a missing key is still reported.
TEST(YamlReader, NearKeysDoNotHideMissingOnes) {
  const Document d = parse("tx: 1\n");
  Mapping m(d.root(), "the file");
  m.required("rx");
  m.required("tx");
  m.done();
  ASSERT_EQ(d.errors().list.size(), 1U);
  EXPECT_EQ(d.errors().list[0].code, "E0108");
}

TEST(YamlReader, EveryFormOfBooleanIsNoName) {
  for (const char* word : {"yes", "No", "ON", "off", "True", "false"}) {
    const Document d = parse(std::string("a: ") + word + "\n");
    Mapping(d.root(), "the file").required("a").name();
    ASSERT_EQ(d.errors().list.size(), 1U) << word;
    EXPECT_EQ(d.errors().list[0].code, "E0110") << word;
  }
}

TEST(YamlReader, FlagsTakeEveryFormOfBoolean) {
  for (const char* word : {"yes", "Yes", "on", "ON", "true", "TRUE"}) {
    const Document d = parse(std::string("a: ") + word + "\n");
    EXPECT_TRUE(Mapping(d.root(), "the file").required("a").flag()) << word;
    EXPECT_TRUE(d.ok());
  }
  for (const char* word : {"no", "NO", "off", "Off", "false", "False"}) {
    const Document d = parse(std::string("a: ") + word + "\n");
    EXPECT_FALSE(Mapping(d.root(), "the file").required("a").flag()) << word;
    EXPECT_TRUE(d.ok());
  }
  for (const char* word : {"1", "\"on\"", "maybe", "[]", ""}) {
    const Document d = parse(std::string("a: ") + word + "\n");
    EXPECT_FALSE(Mapping(d.root(), "the file").required("a").flag()) << word;
    EXPECT_EQ(d.errors().list.size(), 1U) << word;
  }
}

TEST(YamlReader, NumbersAreWhole) {
  for (const char* word :
       {"010", "1e3", "1.0", "-1", "0x", "99999999999999999999", "''", "1_000"}) {
    const Document d = parse(std::string("a: ") + word + "\n");
    EXPECT_EQ(Mapping(d.root(), "the file").required("a").number(0, 1000), 0U) << word;
    EXPECT_EQ(d.errors().list.size(), 1U) << word;
  }
}

TEST(YamlReader, PlacesInsideScalars) {
  const auto at = [](const std::string& text, std::size_t offset) {
    const Document d = parse(text);
    const Value v = Mapping(d.root(), "the file").required("a");
    const diag::Span s = v.place(offset, 1);
    return std::to_string(s.line) + ":" + std::to_string(s.column);
  };
  EXPECT_EQ(at("a: bcd\n", 1), "1:5");
  EXPECT_EQ(at("a: \"bcd\"\n", 1), "1:6");
  EXPECT_EQ(at("a: 'bcd'\n", 2), "1:7");
  EXPECT_EQ(at("a: >-\n  bc\n  de\n", 3), "3:3");   // "bc de"
  EXPECT_EQ(at("a: |\n   bc\n   de\n", 4), "3:5");  // "bc\nde\n"
  EXPECT_EQ(at("a: bc\n   de\n", 4), "2:5");
  EXPECT_EQ(at("a: bcd\n", 3), "1:7");  // just behind
}

TEST(YamlReader, QuoteReadsBack) {
  for (const std::string text : {"plain",
                                 "with space",
                                 "no",
                                 "On",
                                 "null",
                                 "",
                                 "~",
                                 "a: b",
                                 "# x",
                                 "\"q\"",
                                 "back\\slash",
                                 "two\nlines",
                                 "tab\there",
                                 "10.7.0.2/24",
                                 "-",
                                 "- a",
                                 "{a}",
                                 "[",
                                 "*a",
                                 "&a",
                                 "!x",
                                 "%",
                                 "02:00:00:00:00:01",
                                 "K\xc3\xb6ln",
                                 ".5",
                                 "<<"}) {
    const Document d = parse("a: " + quote(text) + "\nb: [" + quote(text) + "]\n");
    Mapping m(d.root(), "the file");
    EXPECT_EQ(m.required("a").text(), text);
    EXPECT_EQ(m.required("b").list().at(0).text(), text);
    EXPECT_TRUE(d.ok()) << text << test::errors(d.errors());
  }
}

class Files : public ::testing::Test {
 protected:
  Files() { fs::create_directories(folder_); }
  ~Files() override { fs::remove_all(folder_); }
  std::string folder_ = testing::TempDir() + "weft_yaml_files/";
};

TEST_F(Files, MissingFileNamesANearOne) {
  std::ofstream(folder_ + "graph.yaml") << "graph: g\n";
  const auto read = read_yaml(folder_ + "grahp.yaml");
  ASSERT_EQ(test::codes(read), "E0100");
  EXPECT_NE(read.error().list[0].help.find("graph.yaml"), std::string::npos);
  EXPECT_EQ(test::codes(read_yaml(folder_ + "no/such/folder/x.yaml")), "E0100");
  EXPECT_EQ(test::codes(read_yaml(folder_)), "E0100");
}

TEST_F(Files, LargeFilesAreRefused) {
  const std::string path = folder_ + "large.yaml";
  std::ofstream(path) << "a: \"" << std::string(max_file_bytes - 10, 'x') << "\"\n";
  EXPECT_EQ(test::codes(read_yaml(path)), "");
  std::ofstream(path, std::ios::app) << "b: 1234567890\n";
  EXPECT_EQ(test::codes(read_yaml(path)), "E0102");
  // A device without a size has an end too.
  EXPECT_EQ(test::codes(read_yaml("/dev/zero")), "E0102");
}

TEST(YamlReader, ManyValuesAreRefused) {
  std::string list = "a: [";
  for (int i = 0; i < 2'000'100; ++i) list += "1,";
  EXPECT_EQ(test::codes(parse_yaml(list + "1]\n", "t")), "E0102");
}

TEST(YamlReader, DeepNestingIsRefused) {
  EXPECT_EQ(test::codes(parse_yaml(std::string(100000, '['), "t")), "E0101");
  EXPECT_EQ(test::codes(parse_yaml(std::string(100000, '{'), "t")), "E0101");
}

}  // namespace
}  // namespace weft::frontend
