// Text of expressions. Numbers are written the way people write them: addresses as addresses,
// EtherTypes in hex, a descriptor's answer as a word. Whatever the form, it reads back to the same
// value.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "compiler/ir/expr.h"

namespace weft::ir {
namespace {

// Binding strength, low to high.
enum Strength { any, or_, and_, not_, compare, bits_or, bits_and, shift, sum, primary };

Strength strength(Op op) {
  switch (op) {
    case Op::logical_or: return or_;
    case Op::logical_and: return and_;
    case Op::logical_not: return not_;
    case Op::eq:
    case Op::ne:
    case Op::lt:
    case Op::le:
    case Op::gt:
    case Op::ge: return compare;
    case Op::bit_or: return bits_or;
    case Op::bit_and: return bits_and;
    case Op::shl:
    case Op::shr: return shift;
    case Op::add:
    case Op::sub: return sum;
    default: return primary;
  }
}

std::string_view sign(Op op) {
  switch (op) {
    case Op::logical_or: return "||";
    case Op::logical_and: return "&&";
    case Op::eq: return "==";
    case Op::ne: return "!=";
    case Op::lt: return "<";
    case Op::le: return "<=";
    case Op::gt: return ">";
    case Op::ge: return ">=";
    case Op::bit_or: return "|";
    case Op::bit_and: return "&";
    case Op::shl: return "<<";
    case Op::shr: return ">>";
    case Op::add: return "+";
    case Op::sub: return "-";
    default: return "?";
  }
}

std::string hex(Bits value, unsigned digits) {
  std::string out;
  do {
    out += "0123456789abcdef"[static_cast<unsigned>(value & 15)];
    value >>= 4;
  } while (value != 0 || out.size() < digits);
  std::reverse(out.begin(), out.end());
  return "0x" + out;
}

std::string ipv4(std::uint32_t a) {
  return fmt::format("{}.{}.{}.{}", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

bool is_address(const Expr& e) {
  if (e.op != Op::name || e.width != 32) return false;
  static constexpr std::array<std::string_view, 8> last = {
      "src", "dst", "sender", "target", "address", "broadcast", "next_hop", "gateway"};
  const std::string_view word = std::string_view(e.name).substr(e.name.rfind('.') + 1);
  return std::find(last.begin(), last.end(), word) != last.end();
}

// A constant beside `peer` in a comparison.
std::string literal(Bits value, const Expr& peer) {
  if (peer.op != Op::name) return format_bits(value);
  if (peer.width == 48 && value != 0 && value >> 48 == 0) {
    const auto mac = static_cast<std::uint64_t>(value);
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac >> 40, mac >> 32 & 255,
                       mac >> 24 & 255, mac >> 16 & 255, mac >> 8 & 255, mac & 255);
  }
  if (is_address(peer) && value >> 32 == 0) return ipv4(static_cast<std::uint32_t>(value));
  if (peer.name.starts_with("desc.") && peer.name.ends_with("_cksum") && peer.width == 2 &&
      value < 4) {
    static constexpr std::array<const char*, 4> words = {"unknown", "good", "bad", "none"};
    return words[static_cast<std::size_t>(value)];
  }
  if (peer.name.starts_with("knob.") && value < 2) return value == 1 ? "on" : "off";
  if (peer.width == 16 && (peer.name.ends_with("type") || peer.name.ends_with(".protocol")))
    return hex(value, 4);
  return format_bits(value);
}

std::string print(const ExprPtr& e, Strength around);

// Beside a comparison only sums stay bare: few people know where & and << bind.
std::string operand(const ExprPtr& e, const ExprPtr& peer) {
  return e->op == Op::constant ? literal(e->value, *peer) : print(e, sum);
}

// (x & 255.0.0.0) == 10.0.0.0, as `x in 10.0.0.0/8`; "" when `e` is not of that form.
std::string as_prefix(const Expr& e) {
  if (e.op != Op::eq || e.args[0]->op != Op::bit_and || e.args[1]->op != Op::constant) return "";
  const ExprPtr& field = e.args[0]->args[0];
  const ExprPtr& mask = e.args[0]->args[1];
  if (mask->op != Op::constant || !is_address(*field)) return "";
  const Bits value = e.args[1]->value;
  if (mask->value == 0 || mask->value >= 0xffffffff || (value & ~mask->value) != 0) return "";
  const auto ones = static_cast<std::uint32_t>(mask->value);
  const int length = std::countl_one(ones);
  if (static_cast<std::uint32_t>(ones << length) != 0) return "";
  return fmt::format("{} in {}/{}", field->name, ipv4(static_cast<std::uint32_t>(value)), length);
}

// x == 6 || x == 17, as `x in {6, 17}`.
std::string as_set(const Expr& e) {
  std::string list;
  for (const ExprPtr& arg : e.args) {
    if (arg->op != Op::eq || arg->args[0]->op != Op::name || arg->args[1]->op != Op::constant ||
        !equal(arg->args[0], e.args[0]->args[0])) {
      return "";
    }
    list += (list.empty() ? "" : ", ") + literal(arg->args[1]->value, *arg->args[0]);
  }
  return fmt::format("{} in {{{}}}", e.args[0]->args[0]->name, list);
}

std::string wrap(std::string text, bool parentheses) {
  return parentheses ? "(" + std::move(text) + ")" : std::move(text);
}

std::string print(const ExprPtr& e, Strength around) {
  switch (e->op) {
    case Op::constant:
      return around <= not_ && e->value < 2 ? (e->value == 1 ? "true" : "false")
                                            : format_bits(e->value);
    case Op::name: return e->name;
    case Op::has: return "has(" + e->name + ")";
    case Op::logical_not: {
      const ExprPtr& arg = e->args.front();
      const bool bare = strength(arg->op) == primary;
      return wrap("!" + wrap(print(arg, any), !bare), around > not_);
    }
    case Op::logical_or:
      if (std::string set = as_set(*e); !set.empty()) return wrap(std::move(set), around > compare);
      [[fallthrough]];
    case Op::logical_and: {
      const Strength own = strength(e->op);
      std::string text;
      for (const ExprPtr& arg : e->args) {
        if (!text.empty()) text += fmt::format(" {} ", sign(e->op));
        text += print(arg, not_);
      }
      return wrap(std::move(text), around > own);
    }
    default: break;
  }
  if (std::string prefix = as_prefix(*e); !prefix.empty()) {
    return wrap(std::move(prefix), around > compare);
  }
  const Strength own = strength(e->op);
  const ExprPtr& a = e->args[0];
  const ExprPtr& b = e->args[1];
  std::string text;
  if (own == compare) {
    text = fmt::format("{} {} {}", operand(a, b), sign(e->op), operand(b, a));
  } else {
    const bool mask = own == bits_and || own == bits_or;
    const auto part = [&](const ExprPtr& arg, Strength at) {
      return mask && arg->op == Op::constant ? hex(arg->value, 1) : print(arg, at);
    };
    text =
        fmt::format("{} {} {}", part(a, own), sign(e->op), part(b, static_cast<Strength>(own + 1)));
  }
  return wrap(std::move(text), around > own);
}

}  // namespace

std::string to_string(const ExprPtr& e) { return e == nullptr ? "" : print(e, any); }

std::string format_bits(Bits value) {
  if (value >= 65536) return hex(value, 1);
  return std::to_string(static_cast<unsigned>(value));
}

}  // namespace weft::ir
