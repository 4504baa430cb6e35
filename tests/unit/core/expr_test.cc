#include "compiler/ir/expr.h"

#include <gtest/gtest.h>

#include <map>

#include "compiler/frontend/readers.h"
#include "compiler/ir/evaluate.h"
#include "tests/unit/core/shipped.h"

namespace weft {
namespace {

using ir::Bits;
using ir::ExprPtr;
using ir::Op;

ExprPtr parse(const std::string& text) {
  auto e = frontend::parse_expr(text, test::fields(), {"test", 1, 1, 1});
  if (!e) {
    ADD_FAILURE() << text << "\n" << test::errors(e.error());
    return ir::truth(false);
  }
  return *e;
}

diag::Diagnostic refused(const std::string& text) {
  const auto e = frontend::parse_expr(text, test::fields(), {"test", 1, 1, 1});
  if (e) {
    ADD_FAILURE() << "accepted: " << text;
    return {};
  }
  EXPECT_EQ(e.error().list.size(), 1U);
  return e.error().list.front();
}

Bits value(const std::string& text, const std::map<std::string, Bits>& packet = {}) {
  return ir::evaluate(parse(text), [&](const std::string& name) {
    const auto found = packet.find(name);
    if (found == packet.end()) throw std::runtime_error("looked up " + name);
    return found->second;
  });
}

TEST(Expr, PrecedenceFromLooseToTight) {
  const std::map<std::string, Bits> p = {{"pkt.len", 60}, {"ipv4.ihl", 5}, {"ipv4.ttl", 9}};
  EXPECT_EQ(value("pkt.len == 60 || pkt.len == 1 && ipv4.ttl == 0", p), 1U);
  EXPECT_EQ(value("!ipv4.ttl == 9", p), 0U);    // !(ttl == 9)
  EXPECT_EQ(value("pkt.len & 4 == 4", p), 1U);  // (len & 4) == 4
  EXPECT_EQ(value("pkt.len | 1 & 2", p), 60U);  // len | (1 & 2)
  EXPECT_EQ(value("1 << 1 + 1", p), 4U);        // 1 << (1 + 1)
  EXPECT_EQ(value("10 - 3 - 2", p), 5U);        // (10 - 3) - 2
  EXPECT_EQ(value("pkt.len >= 14 + (ipv4.ihl << 2) + 8", p), 1U);
}

TEST(Expr, ArithmeticDoesNotOverflowTheField) {
  EXPECT_EQ(value("ipv4.ihl << 2", {{"ipv4.ihl", 15}}), 60U);
  EXPECT_EQ(value("ipv4.total_length + 1", {{"ipv4.total_length", 65535}}), 65536U);
  EXPECT_EQ(value("ipv4.ttl - 1", {{"ipv4.ttl", 0}}), 0xffffffffU);  // wraps in 32 bits
  EXPECT_EQ(value("eth.src + 1", {{"eth.src", 0xffffffffffff}}), Bits{0x1000000000000});
  EXPECT_EQ(value("ipv4.ttl << 40", {{"ipv4.ttl", 1}}), 0U);
  EXPECT_EQ(parse("ipv4.ihl << 2")->width, 32U);
  EXPECT_EQ(parse("eth.src + 1")->width, 64U);
  EXPECT_EQ(parse("ipv4.ttl + 0x1ffffffff")->width, 64U);
  EXPECT_EQ(parse("ipv4.ttl & 3")->width, 8U);
}

TEST(Expr, LogicStopsWhereItIsDecided) {
  // What stands behind a length check is not looked up when the check fails.
  EXPECT_EQ(value("pkt.len >= 34 && ipv4.version == 4", {{"pkt.len", 20}}), 0U);
  EXPECT_EQ(value("pkt.len < 34 || ipv4.version == 4", {{"pkt.len", 20}}), 1U);
}

TEST(Expr, Literals) {
  EXPECT_EQ(value("10"), 10U);
  EXPECT_EQ(value("0x1f"), 31U);
  EXPECT_EQ(value("10.0.0.1"), 0x0a000001U);
  EXPECT_EQ(value("02:00:00:00:00:01"), Bits{0x020000000001});
  EXPECT_EQ(value("ff:ff:ff:ff:ff:ff"), Bits{0xffffffffffff});
  EXPECT_EQ(value("on"), 1U);
  EXPECT_EQ(value("off"), 0U);
  EXPECT_EQ(value("unknown"), 0U);
  EXPECT_EQ(value("good"), 1U);
  EXPECT_EQ(value("bad"), 2U);
  EXPECT_EQ(value("none"), 3U);
  EXPECT_TRUE(ir::is_true(parse("true")));
  EXPECT_TRUE(ir::is_false(parse("false")));
}

TEST(Expr, SetsAndPrefixes) {
  EXPECT_TRUE(ir::equal(parse("ipv4.protocol in {6, 17}"),
                        parse("ipv4.protocol == 6 || ipv4.protocol == 17")));
  const std::string prefix = "ipv4.src in 224.0.0.0/3";
  EXPECT_TRUE(ir::equal(parse(prefix), parse("(ipv4.src & 0xe0000000) == 0xe0000000")));
  EXPECT_EQ(value(prefix, {{"ipv4.src", 0xdfffffff}}), 0U);
  EXPECT_EQ(value(prefix, {{"ipv4.src", 0xe0000000}}), 1U);
  EXPECT_EQ(value(prefix, {{"ipv4.src", 0xffffffff}}), 1U);
  EXPECT_TRUE(ir::is_true(parse("ipv4.src in 0.0.0.0/0")));
  EXPECT_TRUE(ir::equal(parse("ipv4.src in 1.2.3.4/32"), parse("ipv4.src == 1.2.3.4")));
  EXPECT_EQ(value("ipv4.src in {10.0.0.0/8, 192.168.1.1}", {{"ipv4.src", 0xc0a80101}}), 1U);
}

TEST(Expr, HasIsAskedByName) {
  EXPECT_EQ(value("has(udp)", {{"has udp", 1}}), 1U);
  EXPECT_EQ(value("!has(udp)", {{"has udp", 0}}), 1U);
  EXPECT_EQ(ir::names_in(parse("has(udp) && ipv4.ttl == 1 && has(ipv4) && ipv4.ttl != 2")),
            (std::vector<std::string>{"has ipv4", "has udp", "ipv4.ttl"}));
}

TEST(Expr, FactoriesSimplify) {
  const ExprPtr x = parse("ipv4.ttl == 1");
  const ExprPtr y = parse("ipv4.ttl == 2");
  EXPECT_TRUE(ir::is_true(ir::all_of({})));
  EXPECT_TRUE(ir::is_false(ir::any_of({})));
  EXPECT_EQ(ir::all_of({ir::truth(true), x}), x);
  EXPECT_TRUE(ir::is_false(ir::all_of({x, ir::truth(false)})));
  EXPECT_TRUE(ir::is_true(ir::any_of({x, ir::truth(true)})));
  EXPECT_EQ(ir::negate(ir::negate(x)), x);
  EXPECT_EQ(ir::all_of({x, ir::all_of({y, x})})->args.size(), 3U);
  EXPECT_EQ(ir::any_of({x, ir::all_of({y, x})})->args.size(), 2U);
  EXPECT_FALSE(ir::equal(x, y));
}

TEST(Expr, TextIsWhatPeopleWrite) {
  const auto same = [](const std::string& text) { EXPECT_EQ(ir::to_string(parse(text)), text); };
  same("eth.dst == host.mac || eth.dst == ff:ff:ff:ff:ff:ff");
  same("(eth.src & 0x10000000000) == 0");
  same("ipv4.ihl >= 5 && (ipv4.ihl << 2) <= l3.room");
  same("!(ipv4.src in 224.0.0.0/3) && ipv4.src != host.address");
  same("meta.ethertype == 0x0800");
  same("desc.ip_cksum == good && has(ipv4)");
  same("ipv4.protocol in {6, 17}");
  same("pkt.len >= 14 + (ipv4.ihl << 2) + 8");
  same("10 - (3 - 2) == pkt.len");
  same("!has(udp)");
}

struct Bad {
  const char* text;
  const char* code;
  unsigned column;
  unsigned length;
};

TEST(Expr, ErrorsHaveCodeAndPlace) {
  const Bad cases[] = {
      {"", "E0201", 1, 1},
      {"ipv4.ttl ==", "E0201", 12, 1},
      {"ipv4.ttl = 3", "E0201", 10, 1},
      {"(ipv4.ttl == 3", "E0201", 15, 1},
      {"ipv4.ttl == 3)", "E0201", 14, 1},
      {"1 < ipv4.ttl < 3", "E0201", 14, 1},
      {"ipv4.ttl == 010", "E0201", 13, 3},
      {"ipv4.ttl == 12x", "E0201", 13, 3},
      {"ipv4.src == 1.2.3", "E0201", 13, 5},
      {"ipv4.src == 1.2.3.256", "E0201", 13, 9},
      {"eth.src == 02:00", "E0201", 12, 5},
      {"ipv4.src in 10.0.0.0/33", "E0201", 13, 11},
      {"ipv4.src == 10.0.0.0/8", "E0201", 13, 10},
      {"ipv4.src in {}", "E0201", 14, 1},
      {"ipv4.src in {ipv4.dst}", "E0201", 14, 8},
      {"ipv4.tll == 3", "E0202", 1, 8},
      {"sctp.port == 3", "E0202", 1, 9},
      {"udp.length == 0x12345", "E0203", 15, 7},
      {"ipv4.ttl in {1, 256}", "E0203", 17, 3},
      {"ipv4.ihl + 0x10000000000000000 == 1", "E0203", 12, 19},
      {"(eth.type & 0x10000) == 0", "E0204", 13, 7},
      {"(ipv4.ttl & 0xf0) == 0x01", "E0204", 22, 4},
      {"ipv4.src in 10.0.0.1/8", "E0205", 13, 10},
      {"ipv4.ttl && pkt.len == 3", "E0206", 1, 8},
      {"!pkt.len", "E0206", 2, 7},
      {"has(udp) + 1 == 2", "E0206", 1, 8},
      {"eth.src == 10.0.0.1", "E0206", 12, 8},
      {"desc.mark == 00:00:00:00:00:01", "E0206", 14, 17},
      {"has(sctp)", "E0207", 5, 4},
  };
  for (const Bad& bad : cases) {
    const diag::Diagnostic d = refused(bad.text);
    EXPECT_EQ(d.code, bad.code) << bad.text << ": " << d.message;
    EXPECT_EQ(d.span.column, bad.column) << bad.text << ": " << d.message;
    EXPECT_EQ(d.span.length, bad.length) << bad.text << ": " << d.message;
    EXPECT_FALSE(d.message.empty());
  }
  EXPECT_NE(refused("ipv4.tll == 3").label.find("`ipv4.ttl`"), std::string::npos);
}

TEST(Expr, DeepNestingIsRefusedNotCrashed) {
  EXPECT_EQ(refused(std::string(100000, '(') + "1").code, "E0201");
  EXPECT_EQ(refused(std::string(100000, '!') + "has(udp)").code, "E0201");
  std::string sum = "1";
  for (int i = 0; i < 100000; ++i) sum += "+1";
  EXPECT_EQ(refused(sum + " == 1").code, "E0201");
}

}  // namespace
}  // namespace weft
