// Packets from words and captures, and their way through card and stack.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "compiler/passes/pipeline.h"
#include "compiler/tool/card_walk.h"
#include "compiler/tool/explain_packet.h"
#include "compiler/tool/frame_text.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/lookups.h"
#include "compiler/tool/pcap.h"

namespace weft::tool {
namespace {

using Bytes = std::vector<std::uint8_t>;

ir::HostConfig host() {
  ir::HostConfig h;
  h.mac = 0x020000000002;
  h.address = 0x0a070002;
  return h;
}

Bytes frame(const std::string& text) {
  auto made = frame_from_text(text, host(), 7);
  EXPECT_TRUE(made.has_value()) << text;
  return made ? *made : Bytes{};
}

// Vectors of Microsoft's "Verifying the RSS hash calculation", IPv4 with and without TCP ports.
TEST(Toeplitz, KnownVectors) {
  const Bytes key = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                     0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                     0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                     0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
  Bytes a = {66, 9, 149, 187, 161, 142, 100, 80};
  EXPECT_EQ(toeplitz(key, a), 0x323e8fc2u);
  for (unsigned port : {2794u, 1766u}) {
    a.push_back(static_cast<std::uint8_t>(port >> 8));
    a.push_back(static_cast<std::uint8_t>(port));
  }
  EXPECT_EQ(toeplitz(key, a), 0x51ccc178u);
  EXPECT_EQ(toeplitz(key, {199, 92, 111, 2, 65, 69, 140, 83}), 0xd718262au);
  EXPECT_EQ(toeplitz({}, a), 0u);
}

TEST(FrameText, UdpIsWhole) {
  const Bytes f = frame("udp from 10.7.0.1:40000 to 10.7.0.2:7 len 30 ttl 9");
  ASSERT_EQ(f.size(), 14u + 20 + 8 + 30);
  EXPECT_EQ(f[22], 9);
  EXPECT_EQ(internet_checksum(f.data() + 14, 20), 0);
  // Pseudo header: addresses, protocol and length; with the right checksum the sum is 0.
  EXPECT_EQ(internet_checksum(f.data() + 26, f.size() - 26, 17 + 38), 0);
}

TEST(FrameText, WordsDoWhatTheySay) {
  EXPECT_EQ(frame("udp vlan 5").at(15), 5);
  EXPECT_EQ(frame("udp").at(12), 0x08);
  const Bytes bad_udp = frame("udp len 30 bad-checksum udp"),
              bad_ip = frame("udp bad-checksum ipv4");
  EXPECT_EQ(internet_checksum(bad_udp.data() + 14, 20), 0);
  EXPECT_NE(internet_checksum(bad_udp.data() + 26, bad_udp.size() - 26, 17 + 38), 0);
  EXPECT_NE(internet_checksum(bad_ip.data() + 14, 20), 0);
  const Bytes none = frame("udp no-checksum");
  EXPECT_EQ(none.at(40), 0);
  EXPECT_EQ(none.at(41), 0);
  const Bytes icmp = frame("icmp len 30");
  EXPECT_EQ(internet_checksum(icmp.data() + 34, icmp.size() - 34), 0);
  const Bytes first = frame("udp fragment 0 more"), second = frame("udp fragment 1480");
  EXPECT_EQ(first.at(20), 0x20);
  EXPECT_EQ((first.at(16) << 8 | first.at(17)) % 8, 20 % 8);
  EXPECT_EQ(second.at(20) << 8 | second.at(21), 1480 / 8);
  EXPECT_EQ(frame("arp").at(0), 0xff);
  EXPECT_EQ(frame("udp eth-dst 02:00:00:00:00:99").at(5), 0x99);
  EXPECT_EQ(frame("udp").size(), 60u);
}

TEST(FrameText, NonsenseIsRefused) {
  for (const char* text :
       {"", "sctp", "udp from", "udp from 10.7.0.1:70000", "udp from 10.7.0", "udp len 99999",
        "udp len 65507 len x", "udp vlan 4095", "udp ttl 256", "udp fragment 3", "udp colour red",
        "udp bad-checksum arp", "udp eth-dst 02:00:00", "udp to 1.2.3.4.5", "udp to 256.0.0.1"}) {
    auto made = frame_from_text(text, host(), 7);
    ASSERT_FALSE(made.has_value()) << text;
    EXPECT_EQ(made.error().list.front().code, "E0459") << text;
  }
}

class Scratch {
 public:
  Scratch() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("weft-tool-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
    std::filesystem::create_directory(path_);
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  std::string operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

TEST(Pcap, ReadsWhatItWrites) {
  Scratch folder;
  const std::string path = folder / "a.pcap";
  const std::vector<Bytes> frames = {frame("udp"), frame("arp"), frame("icmp len 300")};
  ASSERT_TRUE(write_pcap(path, frames).has_value());
  for (unsigned i = 0; i < frames.size(); ++i) {
    auto read = read_pcap_frame(path, i + 1);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, frames[i]);
  }
  EXPECT_FALSE(read_pcap_frame(path, 4).has_value());
  EXPECT_FALSE(read_pcap_frame(folder / "b.pcap", 1).has_value());
}

TEST(Pcap, ReadsTheOtherByteOrder) {
  Scratch folder;
  const std::string path = folder / "a.pcap";
  std::ofstream out(path, std::ios::binary);
  for (std::uint32_t word : {0xa1b23c4du, 0x00020004u, 0u, 0u, 65535u, 1u, 0u, 0u, 3u, 3u}) {
    word = __builtin_bswap32(word);
    out.write(reinterpret_cast<const char*>(&word), 4);
  }
  out << "abc";
  out.close();
  auto read = read_pcap_frame(path, 1);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, (Bytes{'a', 'b', 'c'}));
}

TEST(Pcap, EveryCutOffFileIsRefused) {
  Scratch folder;
  const std::string path = folder / "a.pcap";
  ASSERT_TRUE(write_pcap(path, {frame("udp")}).has_value());
  std::ifstream in(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    EXPECT_FALSE(read_pcap_frame(path, 1).has_value()) << size;
  }
}

struct Planned {
  passes::Inputs in;
  plan::Plan plan;
};

const Planned& planned(const std::string& nic) {
  static std::map<std::string, Planned> made;
  auto at = made.find(nic);
  if (at != made.end()) return at->second;
  auto in = load_inputs("host_udp_ipv4", nic, "quickstart", "default");
  EXPECT_TRUE(in.has_value());
  passes::Options options;
  options.prove = false;
  auto plan = passes::compile(*in, options);
  EXPECT_TRUE(plan.has_value());
  return made[nic] = {*in, *plan};
}

PacketStory story(const Planned& p, const std::string& text, std::vector<Override> over = {}) {
  auto made = frame_from_text(text, p.plan.host, 7);
  EXPECT_TRUE(made.has_value()) << text;
  return follow_packet(p.plan, p.in.nic, p.in.fields, *made, over);
}

class EveryCard : public testing::TestWithParam<const char*> {};

// What happens does not depend on the card; where it happens does.
TEST_P(EveryCard, SamePacketSameEnd) {
  const Planned& p = planned(GetParam());
  const std::pair<const char*, const char*> ends[] = {
      {"udp from 10.7.0.1:40000", "udp_deliver"},
      {"udp from 10.7.0.9:1", "udp_deliver"},
      {"udp from 10.7.0.9:1 to 10.7.0.2:9", "drop_udp_no_endpoint"},
      {"udp from 10.7.0.1:40000 no-checksum", "udp_deliver"},
      {"udp from 10.7.0.1:40000 bad-checksum udp", "drop_udp_checksum"},
      {"udp from 10.7.0.1:40000 bad-checksum ipv4", "drop_ipv4_checksum"},
      {"udp from 10.7.0.1:40000 vlan 5", "drop_vlan_not_member"},
      {"icmp from 10.7.0.1", "icmp_answered"},
      {"icmp from 10.7.0.1 bad-checksum icmp", "drop_icmp_checksum"},
      {"arp from 10.7.0.1", "arp_answered"},
      {"arp from 10.7.0.1 to 10.7.0.3", "drop_arp_not_for_us"},
      {"udp from 10.7.0.1:40000 fragment 0 more", "ipv4_held"},
      {"udp from 10.7.0.1:40000 to 10.7.0.3:7", "drop_ipv4_not_for_us"},
      {"udp from 224.0.0.1:40000", "drop_ipv4_source"},
      {"tcp to 10.7.0.2:80", "drop_ipv4_protocol"}};
  for (const auto& [text, end] : ends) {
    PacketStory s = story(p, text);
    EXPECT_EQ(s.stack.terminal, end) << text << "\n" << to_text(s);
    // Whatever a card may say instead, the end is the same.
    for (bool ip : {true, false})
      for (Answer answer : {Answer::unknown, Answer::bad, Answer::none})
        EXPECT_EQ(story(p, text, {{ip, answer}}).stack.terminal, end) << text;
  }
}

TEST_P(EveryCard, KnownFlowsReachTheQueueThatOwnsThem) {
  const Planned& p = planned(GetParam());
  ASSERT_EQ(p.plan.flows.size(), 40u);
  for (const plan::FlowEntry& flow : p.plan.flows) {
    PacketStory s = story(p, "udp from 10.7.0.1:" + std::to_string(flow.src_port));
    if (s.card.queue_certain) {
      EXPECT_EQ(s.card.queue, flow.queue) << to_text(s);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tool, EveryCard,
                         testing::Values("none", "tap", "ideal", "intel_82599", "intel_e810"),
                         [](const auto& info) { return std::string(info.param); });

TEST(ExplainPacket, TheAnswerGoesOutWhereItShould) {
  PacketStory s = story(planned("intel_82599"), "icmp from 10.7.0.1");
  ASSERT_FALSE(s.stack.answer.empty());
  EXPECT_EQ(s.stack.answer.back().node, "tx");
  EXPECT_TRUE(story(planned("none"), "udp from 10.7.0.1:40000").stack.answer.empty());
}

TEST(ExplainPacket, ACardThatFiltersAddressesDropsByItself) {
  PacketStory s = story(planned("intel_82599"), "udp eth-dst 02:00:00:00:00:99");
  EXPECT_FALSE(s.card.queue.has_value());
  EXPECT_EQ(story(planned("none"), "udp eth-dst 02:00:00:00:00:99").stack.terminal,
            "drop_eth_not_for_us");
}

}  // namespace
}  // namespace weft::tool
