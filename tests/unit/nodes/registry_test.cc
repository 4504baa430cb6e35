#include "stack-nodes/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "compiler/frontend/places.h"
#include "stack-nodes/slots.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(registry, split_lists) {
  using List = std::vector<std::string>;
  EXPECT_EQ(nodes::split(""), List{});
  EXPECT_EQ(nodes::split(" , "), List{});
  EXPECT_EQ(nodes::split("a, b ,c"), (List{"a", "b", "c"}));
  EXPECT_EQ(nodes::split("ipv4.src,\n  ipv4.dst"), (List{"ipv4.src", "ipv4.dst"}));
}

TEST(registry, finds_by_name) {
  ASSERT_NE(nodes::find("udp.find_flow"), nullptr);
  EXPECT_EQ(nodes::find("udp.find_flow")->type, "weft::nodes::udp::FindFlow");
  EXPECT_EQ(nodes::find("udp.find"), nullptr);
  EXPECT_EQ(nodes::find(""), nullptr);
}

// Name, file and type say the same, and every header of a node is listed.
TEST(registry, every_header_is_listed_under_its_name) {
  const std::filesystem::path root = frontend::source_root();
  std::set<std::string> listed;
  for (const nodes::Entry& e : nodes::all()) {
    const std::string name(e.decl->name);
    std::string header = "stack-nodes/" + name + ".h";
    std::replace(header.begin() + 12, header.end() - 2, '.', '/');
    EXPECT_EQ(e.header, header);
    EXPECT_TRUE(listed.insert(header).second) << name << " is listed twice";
    const std::string text = text_of(root / header);
    const std::string type(e.type.substr(e.type.rfind(':') + 1));
    EXPECT_NE(text.find("struct " + type + " {"), std::string::npos) << header;
  }
  for (const char* folder : {"eth", "vlan", "arp", "ipv4", "icmp", "igmp", "udp", "handover"}) {
    for (const auto& file : std::filesystem::directory_iterator(root / "stack-nodes" / folder)) {
      if (text_of(file.path()).find("NodeDecl decl") == std::string::npos) continue;
      EXPECT_EQ(listed.count("stack-nodes/" + std::string(folder) + "/" +
                             file.path().filename().string()),
                1u)
          << file.path();
    }
  }
}

TEST(registry, declarations_are_complete) {
  for (const nodes::Entry& e : nodes::all()) {
    const nodes::NodeDecl& d = *e.decl;
    EXPECT_FALSE(d.meaning.empty()) << d.name;
    EXPECT_FALSE(d.source.empty()) << d.name;
    EXPECT_FALSE(nodes::split(d.ports).empty()) << d.name;
    if (d.kind == nodes::Kind::test) {
      EXPECT_EQ(d.ports, "yes, no") << d.name;
      EXPECT_TRUE(d.writes.empty()) << d.name;
    }
    if (!d.table.empty()) {
      EXPECT_FALSE(d.key.empty()) << d.name;
      if (d.ports.substr(0, 3) != "hit") continue;  // the ports are what an entry says
      EXPECT_EQ(d.ports, "hit, miss") << d.name;
      EXPECT_FALSE(d.result.empty()) << d.name;
    }
    for (const std::string& slot : nodes::split(d.spawns)) {
      EXPECT_NE(std::find(nodes::slot_names.begin(), nodes::slot_names.end(), slot),
                nodes::slot_names.end())
          << d.name << " spawns " << slot;
    }
    if (d.reuses_buffer) {
      EXPECT_EQ(nodes::split(d.spawns).size(), 1u) << d.name;
    }
  }
}

// The wrapper gives an index into decl.ports, for bool, void and enum alike.
TEST(registry, run_gives_the_port) {
  TestCore core;
  core.udp_ports.insert(7, 0);
  Packet p = core.opened(udp_frame("x"));
  EXPECT_EQ(nodes::find("ipv4.checksum_ok")->run(p, core), 0u);
  EXPECT_EQ(nodes::find("udp.find_flow")->run(p, core), 1u);
  EXPECT_EQ(nodes::find("udp.find_port")->run(p, core), 0u);
  EXPECT_EQ(nodes::find("ipv4.open")->run(p, core), 0u);
  p.data[20] ^= 1;
  EXPECT_EQ(nodes::find("ipv4.checksum_ok")->run(p, core), 1u);
}

}  // namespace
}  // namespace weft::test
