#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

using emulator::CardState;
using emulator::Frame;
using emulator::Names;
using emulator::Predicate;

std::uint64_t value(const std::string& text, const Bytes& frame, const CardState& state = {}) {
  ir::FieldTable all = fields();
  // Knobs are no declared fields; the reader of NIC models adds them.
  all.fields["knob.a"] = {.name = "knob.a", .width = 1};
  all.fields["knob.b"] = {.name = "knob.b", .width = 1};
  auto expr = frontend::parse_expr(text, all, {});
  if (!expr) {
    ADD_FAILURE() << diag::render(expr.error(), false);
    return ~0ULL;
  }
  auto compiled = Predicate::compile(*expr, Names{all, {"a", "b"}});
  if (!compiled) {
    ADD_FAILURE() << diag::render(compiled.error(), false);
    return ~0ULL;
  }
  return static_cast<std::uint64_t>(compiled->value(Frame(frame), state));
}

TEST(EmulatorPredicate, FieldsBehindEveryHeader) {
  UdpFrame f;
  f.src_port = 0x1234;
  f.ihl = 9;
  for (const int vlan : {-1, 0x123}) {
    f.vlan = vlan;
    const Bytes b = build(f);
    EXPECT_EQ(value("eth.dst", b), 0x020000000001U);
    EXPECT_EQ(value("ipv4.version", b), 4U);
    EXPECT_EQ(value("ipv4.ihl", b), 9U);
    EXPECT_EQ(value("ipv4.dst", b), 0x0a000001U);
    EXPECT_EQ(value("udp.src_port", b), 0x1234U);
    EXPECT_EQ(value("has(ipv4) && has(udp) && !has(tcp) && !has(arp) && !has(icmp)", b), 1U);
    EXPECT_EQ(value("has(vlan)", b), vlan >= 0 ? 1U : 0U);
    if (vlan >= 0) {
      EXPECT_EQ(value("vlan.vid", b), 0x123U);
    }
  }
}

TEST(EmulatorPredicate, FragmentsHaveNoTransportHeader) {
  UdpFrame f;
  for (const std::uint16_t fragment : {0x2000, 0x0001, 0x3fff}) {
    f.fragment = fragment;
    EXPECT_EQ(value("has(udp)", build(f)), 0U);
    EXPECT_EQ(value("has(ipv4)", build(f)), 1U);
  }
  f.fragment = 0x4000;  // don't fragment
  EXPECT_EQ(value("has(udp)", build(f)), 1U);
}

TEST(EmulatorPredicate, ShortFramesReadZeroAndHaveNothing) {
  Bytes b = build({});
  for (std::size_t n = 0; n <= b.size(); ++n) {
    const Bytes cut(b.begin(), b.begin() + static_cast<long>(n));
    EXPECT_EQ(value("pkt.len", cut), n);
    EXPECT_EQ(value("has(eth)", cut), n >= 14 ? 1U : 0U);
    EXPECT_EQ(value("has(ipv4)", cut), n >= 34 ? 1U : 0U);
    EXPECT_EQ(value("has(udp)", cut), n >= 42 ? 1U : 0U);
    if (n <= 30) {
      EXPECT_EQ(value("ipv4.dst", cut), 0U);
    }
    if (n == 32) {
      EXPECT_EQ(value("ipv4.dst", cut), 0x0a000000U) << "two of four bytes";
    }
    if (n <= 34) {
      EXPECT_EQ(value("udp.src_port", cut), 0U);
    }
  }
}

TEST(EmulatorPredicate, Arithmetic) {
  const Bytes b = build({});
  EXPECT_EQ(value("ipv4.ihl << 2", b), 20U);
  EXPECT_EQ(value("ipv4.ihl - 6", b), 0xffffffffU) << "32 bits";
  EXPECT_EQ(value("eth.dst - eth.dst - 1", b), ~0ULL) << "64 bits beside a wider argument";
  EXPECT_EQ(value("ipv4.ihl - 6 > 5", b), 1U) << "unsigned";
  EXPECT_EQ(value("ipv4.ihl << 32", b), 0U);
  EXPECT_EQ(value("eth.src & 0x010000000000", b), 0U);
  EXPECT_EQ(value("ipv4.protocol | 0x100", b), 0x111U);
  EXPECT_EQ(value("ipv4.protocol in {6, 17}", b), 1U);
  EXPECT_EQ(value("ipv4.src in 10.0.0.0/8", b), 1U);
  EXPECT_EQ(value("ipv4.src in 11.0.0.0/8", b), 0U);
  EXPECT_EQ(value("ipv4.total_length - (ipv4.ihl << 2) - 8", b), 18U);
}

TEST(EmulatorPredicate, KnobsAndTheCardsAddress) {
  const Bytes b = build({});
  const CardState state{.mac = 0x020000000001, .knobs = {0, 1}};
  EXPECT_EQ(value("eth.dst == host.mac", b, state), 1U);
  EXPECT_EQ(value("knob.a == on", b, state), 0U);
  EXPECT_EQ(value("knob.b == on && !(knob.a == on)", b, state), 1U);
}

TEST(EmulatorPredicate, WhatACardCannotSee) {
  for (const char* text :
       {"meta.dst == 1", "host.address == 1", "desc.ip_cksum == good", "l3.room >= 20"}) {
    auto expr = frontend::parse_expr(text, fields(), {});
    ASSERT_TRUE(expr);
    auto compiled = Predicate::compile(*expr, Names{fields(), {}});
    ASSERT_FALSE(compiled) << text;
    EXPECT_EQ(compiled.error().list.front().code, "E0640");
  }
}

}  // namespace
}  // namespace weft::test
