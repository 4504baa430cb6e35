// Random expressions: their text reads back to the same expression, and the evaluator agrees with a
// second one that is written another way.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "compiler/frontend/readers.h"
#include "compiler/ir/evaluate.h"
#include "tests/unit/core/shipped.h"

namespace weft {
namespace {

using ir::Bits;
using ir::ExprPtr;
using ir::Op;

const std::vector<std::string>& names() {
  static const std::vector<std::string> out = {
      "ipv4.ihl",      "ipv4.ttl", "udp.length",     "ipv4.src",        "eth.dst",
      "desc.ip_cksum", "pkt.len",  "meta.ethertype", "desc.mark_valid", "host.address"};
  return out;
}

ExprPtr field() {
  const std::string name = *rc::gen::elementOf(names());
  return ir::name(name, test::fields().find(name)->width);
}

// A constant that fits into `width` bits; small ones are as likely as large ones.
ExprPtr fitting(unsigned width) {
  const auto raw = *rc::gen::arbitrary<std::uint64_t>();
  const auto bits = *rc::gen::inRange(0U, std::min(width, 64U) + 1);
  return ir::constant(Bits{raw} & ir::mask_of(bits), width);
}

ExprPtr number(int depth) {
  if (depth == 0 || *rc::gen::inRange(0, 3) == 0) return field();
  const Op op = *rc::gen::element(Op::bit_and, Op::bit_or, Op::add, Op::sub, Op::shl, Op::shr);
  const ExprPtr a = number(depth - 1);
  if (op == Op::shl || op == Op::shr) {
    return ir::binary(op, a, ir::constant(*rc::gen::inRange(0U, 40U), 6));
  }
  return ir::binary(op, a, *rc::gen::arbitrary<bool>() ? fitting(a->width) : number(depth - 1));
}

ExprPtr comparison(int depth) {
  const Op op = *rc::gen::element(Op::eq, Op::ne, Op::lt, Op::le, Op::gt, Op::ge);
  const ExprPtr a = number(depth);
  if (*rc::gen::arbitrary<bool>()) return ir::binary(op, a, number(depth));
  ExprPtr value = fitting(a->width);
  if (a->op == Op::bit_and) {
    // The parser refuses values that the mask cuts off.
    Bits mask = ~Bits{0};
    for (const ExprPtr& arg : a->args) {
      if (arg->op == Op::constant) mask &= arg->value;
    }
    value = ir::constant(value->value & mask, value->width);
  }
  return *rc::gen::arbitrary<bool>() ? ir::binary(op, a, value) : ir::binary(op, value, a);
}

ExprPtr condition(int depth) {
  const int what = *rc::gen::inRange(0, depth == 0 ? 2 : 6);
  if (what == 0) return ir::has(*rc::gen::element<std::string>("ipv4", "udp", "arp"));
  if (what <= 2) return comparison(2);
  if (what == 3) return ir::negate(condition(depth - 1));
  std::vector<ExprPtr> args;
  const int count = *rc::gen::inRange(1, 4);
  for (int i = 0; i < count; ++i) args.push_back(condition(depth - 1));
  return what == 4 ? ir::all_of(std::move(args)) : ir::any_of(std::move(args));
}

// At full size from the first case on: an expression of one word tests nothing.
rc::Gen<ExprPtr> conditions() {
  return rc::gen::resize(100, rc::gen::exec([] { return condition(3); }));
}

std::size_t nodes_in(const ExprPtr& e) {
  std::size_t n = 1;
  for (const ExprPtr& arg : e->args) n += nodes_in(arg);
  return n;
}

// More cases than rapidcheck's 100, unless the environment says otherwise.
const int more_cases = setenv("RC_PARAMS", "max_success=3000", 0);

TEST(ExprProperty, TextReadsBack) {
  EXPECT_TRUE(rc::check("text reads back to the same expression", [] {
    const ExprPtr e = *conditions();
    const std::string text = ir::to_string(e);
    RC_LOG() << text;
    RC_CLASSIFY(nodes_in(e) > 10, "more than 10 nodes");
    const auto back = frontend::parse_expr(text, test::fields(), {});
    if (!back) RC_FAIL(test::errors(back.error()));
    RC_ASSERT(ir::equal(e, *back));
    RC_ASSERT(ir::to_string(*back) == text);
  }));
}

// The rules of expr.h once more, in 64-bit machine arithmetic (no field has more bits).
std::uint64_t meaning(const ExprPtr& e, const std::map<std::string, std::uint64_t>& packet) {
  std::vector<std::uint64_t> v;
  for (const ExprPtr& arg : e->args) v.push_back(meaning(arg, packet));
  const auto cut = [&](std::uint64_t x) { return e->width == 32 ? x & 0xffffffffU : x; };
  switch (e->op) {
    case Op::constant: return static_cast<std::uint64_t>(e->value);
    case Op::name: return packet.at(e->name);
    case Op::has: return packet.at("has " + e->name);
    case Op::logical_not: return 1 - v[0];
    case Op::logical_and: return *std::min_element(v.begin(), v.end());
    case Op::logical_or: return *std::max_element(v.begin(), v.end());
    case Op::eq: return v[0] == v[1];
    case Op::ne: return !(v[0] == v[1]);
    case Op::lt: return v[0] < v[1];
    case Op::le: return !(v[1] < v[0]);
    case Op::gt: return v[1] < v[0];
    case Op::ge: return !(v[0] < v[1]);
    case Op::bit_and: return v[0] & v[1];
    case Op::bit_or: return v[0] | v[1];
    case Op::add: return cut(v[0] + v[1]);
    case Op::sub: return cut(v[0] - v[1]);
    case Op::shl:
      for (std::uint64_t i = 0; i < v[1]; ++i) v[0] = cut(v[0] * 2);
      return v[0];
    case Op::shr:
      for (std::uint64_t i = 0; i < v[1]; ++i) v[0] /= 2;
      return v[0];
  }
  return 0;
}

TEST(ExprProperty, EvaluatesAsDeclared) {
  EXPECT_TRUE(rc::check("two evaluators agree", [] {
    const ExprPtr e = *conditions();
    RC_LOG() << ir::to_string(e);
    std::map<std::string, std::uint64_t> packet;
    for (const std::string& name : names()) {
      const unsigned width = test::fields().find(name)->width;
      packet[name] = static_cast<std::uint64_t>(
          (*rc::gen::resize(1000, rc::gen::exec([&] { return fitting(width); })))->value);
    }
    for (const char* header : {"has ipv4", "has udp", "has arp"}) {
      packet[header] = *rc::gen::arbitrary<bool>() ? 1 : 0;
    }
    const Bits got =
        ir::evaluate(e, [&](const std::string& name) { return Bits{packet.at(name)}; });
    RC_ASSERT(static_cast<std::uint64_t>(got) == meaning(e, packet));
  }));
}

}  // namespace
}  // namespace weft
