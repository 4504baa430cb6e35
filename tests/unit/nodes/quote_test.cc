// ICMP errors that are heard: which of them are believed.
#include <gtest/gtest.h>

#include "stack-nodes/icmp/read_quote.h"
#include "stack-nodes/udp/find_quoted.h"
#include "stack-nodes/udp/too_large.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

using namespace nodes;
using Out = icmp::ReadQuote::Out;

struct Quote {
  std::uint8_t type = 3, code = 3;
  std::uint32_t word = 0;
  Ipv4Parts ip{.src = our_address, .dst = peer_address};
  std::uint8_t flags = 0;    // of the quoted header: 0x40 is "don't fragment"
  std::size_t payload = 30;  // of the quoted datagram
  std::size_t keep = 28;     // bytes quoted, behind its options
  std::uint8_t first = 0;    // version and header length, if not 0
};

Packet heard(TestCore& core, const Quote& q) {
  Bytes quoted = PacketBuilder(Bytes(q.payload, 9)).udp(7, 4000, q.ip).ipv4(q.ip).bytes();
  quoted[6] = static_cast<std::uint8_t>(quoted[6] | q.flags);
  if (q.first != 0) quoted[0] = q.first;
  quoted.resize(std::min(quoted.size(), q.keep + q.ip.options.size()));
  return core.opened(PacketBuilder(quoted)
                         .icmp(q.type, q.code, q.word)
                         .ipv4({.src = 0x0a0000fe, .protocol = 1})
                         .eth(0x0800)
                         .bytes());
}

TEST(icmp_read_quote, says_whose_datagram_it_was) {
  TestCore core;
  Packet p = heard(core, {.type = 3, .code = 1, .word = 0x01020304});
  EXPECT_EQ(icmp::ReadQuote::run(p, core), Out::udp);
  EXPECT_EQ(p.icmp_type, 3);
  EXPECT_EQ(p.icmp_code, 1);
  EXPECT_EQ(p.icmp_word, 0x01020304u);
  EXPECT_EQ(p.protocol, 17);
  EXPECT_EQ(p.src, our_address);
  EXPECT_EQ(p.dst, peer_address);
  EXPECT_EQ(src_port(p), 7);
  EXPECT_EQ(dst_port(p), 4000);
  EXPECT_EQ(p.mtu, 0);
  core.udp_ports.insert(7, 3);
  EXPECT_EQ(udp::FindQuoted::run(p, core), udp::FindQuoted::Out::hit);
  EXPECT_EQ(p.endpoint, 3);
  p.ports = ports_of(8, 0);
  EXPECT_EQ(udp::FindQuoted::run(p, core), udp::FindQuoted::Out::miss);
}

TEST(icmp_read_quote, options_are_stepped_over) {
  TestCore core;
  Packet p = heard(core, {.ip = {.src = our_address, .options = from_hex("9404000001010101")}});
  EXPECT_EQ(icmp::ReadQuote::run(p, core), Out::udp);
  EXPECT_EQ(src_port(p), 7);
}

struct Case {
  const char* what;
  Quote quote;
  Out expected;
  unsigned mtu = 0;
};

TEST(icmp_read_quote, what_is_believed) {
  const Ipv4Parts ours{.src = our_address, .dst = peer_address};
  const auto with = [&ours](auto&& change) {
    Ipv4Parts ip = ours;
    change(ip);
    return ip;
  };
  const std::vector<Case> cases = {
      {"time exceeded", {.type = 11, .code = 0}, Out::udp},
      {"parameter problem", {.type = 12, .code = 0}, Out::udp},
      {"about somebody else's", {.ip = with([](auto& ip) { ip.src = peer_address; })}, Out::bad},
      {"about a later fragment", {.ip = with([](auto& ip) { ip.offset = 8; })}, Out::bad},
      {"about a first fragment", {.ip = with([](auto& ip) { ip.more = true; })}, Out::udp},
      {"about TCP", {.ip = with([](auto& ip) { ip.protocol = 6; })}, Out::tcp},
      {"about ICMP", {.ip = with([](auto& ip) { ip.protocol = 1; })}, Out::other},
      {"version 6", {.first = 0x65}, Out::bad},
      {"header of 4 words", {.first = 0x44}, Out::bad},
      {"header beyond the end", {.first = 0x46}, Out::bad},
      {"MTU 1000", {.code = 4, .word = 1000, .flags = 0x40, .payload = 1400}, Out::udp, 1000},
      {"MTU 68", {.code = 4, .word = 68, .flags = 0x40, .payload = 1400}, Out::udp, 68},
      {"reserved bits",
       {.code = 4, .word = 0xffff0500, .flags = 0x40, .payload = 1400},
       Out::udp,
       1280},
      {"no MTU, plateau", {.code = 4, .flags = 0x40, .payload = 1472}, Out::udp, 1492},
      {"no MTU, next plateau", {.code = 4, .flags = 0x40, .payload = 1464}, Out::udp, 1006},
      {"no MTU, small", {.code = 4, .flags = 0x40, .payload = 10}, Out::bad},
      {"it could be cut", {.code = 4, .word = 1000, .payload = 1400}, Out::bad},
      {"it would fit", {.code = 4, .word = 1428, .flags = 0x40, .payload = 1400}, Out::bad},
      {"larger than it", {.code = 4, .word = 9000, .flags = 0x40, .payload = 1400}, Out::bad},
  };
  for (const Case& c : cases) {
    TestCore core;
    Packet p = heard(core, c.quote);
    EXPECT_EQ(icmp::ReadQuote::run(p, core), c.expected) << c.what;
    if (c.expected == Out::bad) continue;
    EXPECT_EQ(p.mtu, c.mtu) << c.what;
  }
}

TEST(icmp_read_quote, a_thousand_a_second) {
  TestCore core;
  unsigned believed = 0;
  for (unsigned ms = 0; ms < 1000; ++ms) {
    core.now_ns += 1'000'000;
    for (unsigned i = 0; i < 3; ++i) {
      Packet p = heard(core, {});
      believed += icmp::ReadQuote::run(p, core) == Out::udp ? 1 : 0;
      core.release(p);
    }
  }
  EXPECT_GE(believed, 1000u);
  EXPECT_LE(believed, 1050u);
}

TEST(udp_too_large, says_what_a_router_would) {
  TestCore core;
  Packet p;
  p.icmp_word = 9;
  udp::TooLarge::run(p, core);
  EXPECT_EQ(std::tuple(p.icmp_type, p.icmp_code, p.icmp_word), std::tuple(3, 4, 0u));
}

}  // namespace
}  // namespace weft::test
