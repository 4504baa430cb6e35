#include "compiler/codegen/expr_code.h"

#include <fmt/format.h>

#include <bit>
#include <cctype>

namespace weft::codegen {
namespace {

using diag::fail;
using diag::Result;

const char* type_of(unsigned width) { return width > 32 ? "std::uint64_t" : "std::uint32_t"; }

// An argument as a number of the width in which arithmetic is done.
std::string widened(const ir::Expr& arg, const std::string& text, unsigned width) {
  const bool fits = arg.op == ir::Op::name && (arg.width > 32) == (width > 32);
  return fits ? text : fmt::format("{}({})", type_of(width), text);
}

const char* sign_of(ir::Op op) {
  switch (op) {
    case ir::Op::eq: return "==";
    case ir::Op::ne: return "!=";
    case ir::Op::lt: return "<";
    case ir::Op::le: return "<=";
    case ir::Op::gt: return ">";
    case ir::Op::ge: return ">=";
    case ir::Op::bit_and: return "&";
    case ir::Op::bit_or: return "|";
    case ir::Op::add: return "+";
    case ir::Op::sub: return "-";
    case ir::Op::shl: return "<<";
    default: return ">>";
  }
}

// Big-endian load of `bytes` bytes, `first` bytes behind p.data + `base`. Where the header has room
// behind the field, six bytes are loaded as eight: one load and a shift instead of two loads.
std::string load(const std::string& base, unsigned first, unsigned bytes, bool room) {
  std::string at = base;
  if (first != 0) at += fmt::format("{}{}", at.empty() ? "" : " + ", first);
  if (bytes == 1) return fmt::format("p.data[{}]", at.empty() ? "0" : at);
  at = at.empty() ? "p.data" : "p.data + " + at;
  switch (bytes) {
    case 2: return "wire::load16(" + at + ")";
    case 4: return "wire::load32(" + at + ")";
    case 6: return room ? "generated::load64(" + at + ") >> 16" : "wire::load48(" + at + ")";
    case 8: return "generated::load64(" + at + ")";
    default: return fmt::format("wire::load_bytes<{}>({})", bytes, at);
  }
}

// The value of a header field whose header begins at p.data + `base` ("": at p.data).
std::string load_field(const ir::Field& field, const std::string& base, unsigned header_bytes) {
  const unsigned first = field.offset / 8;
  const unsigned last = (field.offset + field.width - 1) / 8;
  const unsigned shift = (last + 1) * 8 - (field.offset + field.width);
  auto text = load(base, first, last - first + 1, first + 8 <= header_bytes);
  if (shift != 0) text = fmt::format("{} >> {}", text, shift);
  if (field.width + shift != (last - first + 1) * 8) {
    text = (shift != 0 ? "(" + text + ")" : text) +
           fmt::format(" & {:#x}", (std::uint64_t{1} << field.width) - 1);
  }
  return text;
}

std::string header_of(const std::string& field) { return field.substr(0, field.find('.')); }

}  // namespace

std::string identifier(std::string_view name) {
  std::string text;
  for (char c : name) text += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return text;
}

Result<std::string> ExprCompiler::compile(const ir::ExprPtr& expr) {
  switch (expr->op) {
    case ir::Op::constant: {
      if ((expr->value >> 64) != 0) {
        return fail({.code = "E0516",
                     .message = "numbers wider than 64 bits can't be compiled yet",
                     .span = expr->span});
      }
      const auto value = static_cast<std::uint64_t>(expr->value);
      if (expr->width == 1) return std::string(value != 0 ? "true" : "false");
      if (value > 0xffffffff) return fmt::format("{:#x}ull", value);
      return value < 256 ? fmt::format("{}u", value) : fmt::format("{:#x}u", value);
    }
    case ir::Op::name: return field(*expr);
    case ir::Op::has: return header(*expr);
    case ir::Op::logical_not:
      return operand(expr->args.at(0)).map([](const auto& text) { return "!" + text; });
    case ir::Op::logical_and: return joined(*expr, " && ");
    case ir::Op::logical_or: return joined(*expr, " || ");
    default: return binary(*expr);
  }
}

// Calls and constants stand for themselves; everything else is put in parentheses.
Result<std::string> ExprCompiler::operand(const ir::ExprPtr& expr) {
  auto text = compile(expr);
  const bool plain = expr->op == ir::Op::constant || expr->op == ir::Op::name ||
                     expr->op == ir::Op::logical_not || expr->op == ir::Op::has;
  if (!text || plain) return text;
  return "(" + *text + ")";
}

Result<std::string> ExprCompiler::joined(const ir::Expr& expr, const char* separator) {
  std::string text;
  for (std::size_t i = 0; i < expr.args.size(); ++i) {
    auto merged = expr.op == ir::Op::logical_and ? one_equality(*expr.args[i]) : std::nullopt;
    const std::size_t first = i;
    while (merged && i + 1 < expr.args.size()) {
      const auto next = one_equality(*expr.args[i + 1]);
      const auto wider = next ? both(*merged, *next) : std::nullopt;
      if (!wider) break;
      merged = wider;
      ++i;
    }
    if (i > 0 && first == 0 && i + 1 == expr.args.size()) return compared(*merged);
    auto part =
        i > first ? Result<std::string>("(" + compared(*merged) + ")") : operand(expr.args[i]);
    if (!part) return part;
    text += (text.empty() ? "" : separator) + *part;
  }
  if (text.empty()) text = expr.op == ir::Op::logical_and ? "true" : "false";
  return text;
}

// (Inside has(), headers are not where they are otherwise.)
std::optional<Equality> ExprCompiler::one_equality(const ir::Expr& expr) const {
  return on_wire_ ? std::nullopt : equality(fields_, expr);
}

bool ExprCompiler::as_one(const ir::ExprPtr& a, const ir::ExprPtr& b) const {
  const auto whole = ir::all_of({a, b});
  auto merged = one_equality(*whole->args.at(0));
  for (std::size_t i = 1; merged && i < whole->args.size(); ++i) {
    const auto next = one_equality(*whole->args[i]);
    merged = next ? both(*merged, *next) : std::nullopt;
  }
  return merged.has_value();
}

std::string ExprCompiler::compared(const Equality& e) {
  const char* base = e.layer == ir::Layer::l3 ? "p.l3" : e.layer == ir::Layer::l4 ? "p.l4" : "";
  auto value = load(base, e.first, e.bytes, false);
  if (e.mask != ~std::uint64_t{0} >> (64 - 8 * e.bytes)) value += fmt::format(" & {:#x}", e.mask);
  accessors_.emplace(e.name, fmt::format("inline {} {}(const Packet& p) {{ return {}; }}\n",
                                         type_of(8 * e.bytes), e.name, value));
  return fmt::format("{}(p) == {:#x}u", e.name, e.value);
}

Result<std::string> ExprCompiler::number(const ir::ExprPtr& expr) {
  const bool bit = expr->op == ir::Op::constant && expr->width == 1;
  return bit ? std::string(expr->value != 0 ? "1u" : "0u") : operand(expr);
}

// `(field & mask) == value` with less work: a prefix is a range, and a mask within one byte of a
// long field needs that byte alone. Nothing for other expressions.
std::optional<std::string> ExprCompiler::masked(const ir::Expr& expr) {
  if (expr.op != ir::Op::eq && expr.op != ir::Op::ne) return std::nullopt;
  const auto& left = *expr.args.at(0);
  const auto& right = *expr.args.at(1);
  if (left.op != ir::Op::bit_and || right.op != ir::Op::constant) return std::nullopt;
  const auto& name = *left.args.at(0);
  const auto& mask = *left.args.at(1);
  if (name.op != ir::Op::name || mask.op != ir::Op::constant || on_wire_) return std::nullopt;
  const auto* field = fields_.find(name.name);
  if (field == nullptr || field->width < 9 || field->width > 64 || mask.value == 0) {
    return std::nullopt;
  }
  const auto all = ~std::uint64_t{0} >> (64 - field->width);
  const auto bits = static_cast<std::uint64_t>(mask.value);
  const auto value = static_cast<std::uint64_t>(right.value);
  const char* sign = expr.op == ir::Op::eq ? "" : "!";
  const std::uint64_t below = all & ~bits;  // what the mask leaves free
  if ((below & (below + 1)) == 0 && (value & below) == 0) {
    auto number = this->field(name);
    if (!number) return std::nullopt;
    return fmt::format("{}generated::in_range<{}>({}, {:#x}, {:#x})", sign, type_of(field->width),
                       *number, value, value | below);
  }
  const unsigned low = static_cast<unsigned>(std::countr_zero(bits)) / 8;
  if (field->layer == ir::Layer::none || field->offset % 8 != 0 || field->width % 8 != 0 ||
      (bits >> (8 * low)) > 0xff) {
    return std::nullopt;
  }
  ir::Field byte = *field;
  byte.offset += field->width - 8 * (low + 1);
  byte.width = 8;
  const auto accessor =
      fmt::format("{}_byte{}", identifier(field->name), byte.offset / 8 - field->offset / 8);
  const char* base = field->layer == ir::Layer::l3   ? "p.l3"
                     : field->layer == ir::Layer::l4 ? "p.l4"
                                                     : "";
  accessors_.emplace(
      accessor, fmt::format("inline std::uint32_t {}(const Packet& p) {{ return {}; }}\n", accessor,
                            load_field(byte, base, 0)));
  return fmt::format("({}(p) & {:#x}u) {} {:#x}u", accessor, bits >> (8 * low),
                     expr.op == ir::Op::eq ? "==" : "!=", value >> (8 * low));
}

Result<std::string> ExprCompiler::binary(const ir::Expr& expr) {
  if (auto text = masked(expr)) return *text;
  auto left = number(expr.args.at(0));
  if (!left) return left;
  auto right = number(expr.args.at(1));
  if (!right) return right;
  switch (expr.op) {
    case ir::Op::shl:
    case ir::Op::shr: {
      const char* type = type_of(expr.width);
      const auto& by = *expr.args[1];
      if (by.op == ir::Op::constant && by.value < expr.width) {
        return fmt::format("{} {} {}", widened(*expr.args[0], *left, expr.width), sign_of(expr.op),
                           static_cast<unsigned>(by.value));
      }
      return fmt::format("generated::{}<{}>({}, {})", expr.op == ir::Op::shl ? "shl" : "shr", type,
                         *left, *right);
    }
    case ir::Op::add:
    case ir::Op::sub:
      return fmt::format("{} {} {}", widened(*expr.args[0], *left, expr.width), sign_of(expr.op),
                         widened(*expr.args[1], *right, expr.width));
    default: return fmt::format("{} {} {}", *left, sign_of(expr.op), *right);
  }
}

Result<std::string> ExprCompiler::field(const ir::Expr& expr) {
  const auto* field = fields_.find(expr.name);
  if (field == nullptr) {
    return fail({.code = "E0515",
                 .message = "no packet carries '" + expr.name + "'",
                 .span = expr.span,
                 .help = "names of cards (knob.*) must be settled before code is generated"});
  }
  std::string name = identifier(field->name), argument = "p", value;
  if (field->layer == ir::Layer::none) {
    if (field->storage.empty()) {
      return fail({.code = "E0515",
                   .message = "'" + expr.name + "' is an opaque value, it can't be compared",
                   .span = expr.span});
    }
    if (field->storage.starts_with("core.")) argument = "core";
    // Narrowed to the field's width where that costs nothing: a shorter load.
    value = field->width == 16  ? "static_cast<std::uint16_t>(" + field->storage + ")"
            : field->width == 2 ? "static_cast<std::uint32_t>(" + field->storage + ")"
                                : field->storage;
  } else {
    const auto* header = fields_.header(header_of(field->name));
    std::string base;
    if (field->layer == ir::Layer::l3) base = "p.l3";
    if (field->layer == ir::Layer::l4) base = "p.l4";
    if (on_wire_) {
      if (field->layer == ir::Layer::l4) {
        return fail({.code = "E0515",
                     .message = "'" + expr.name + "' can't select a header",
                     .span = expr.span});
      }
      name = "wire_" + name;
      if (field->layer == ir::Layer::l3) {
        base = header_of(field->name) == "vlan" ? "14" : "generated::wire_l3(p)";
      }
    }
    value = load_field(*field, base, header == nullptr ? 0 : header->min_bytes);
  }
  accessors_.emplace(
      name, fmt::format("inline {} {}(const {}& {}) {{ return {}; }}\n", type_of(field->width),
                        name, argument == "p" ? "Packet" : "Core", argument, value));
  return name + "(" + argument + ")";
}

Result<std::string> ExprCompiler::header(const ir::Expr& expr) {
  const auto* header = fields_.header(expr.name);
  if (header == nullptr) {
    return fail(
        {.code = "E0515", .message = "unknown header '" + expr.name + "'", .span = expr.span});
  }
  const auto name = "has_" + identifier(expr.name);
  if (accessors_.contains(name)) return name + "(p)";
  std::string test = "true";
  if (header->selected_by) {
    const bool outer = std::exchange(on_wire_, true);
    auto inner = compile(header->selected_by);
    on_wire_ = outer;
    if (!inner) return inner;
    test = *inner;
  }
  accessors_.emplace(
      name, fmt::format("inline bool {}(const Packet& p) {{\n  return {};\n}}\n", name, test));
  return name + "(p)";
}

std::string ExprCompiler::accessors() const {
  // Fields first: the tests for headers use them, and each other.
  std::string values, declarations, tests;
  for (const auto& [name, definition] : accessors_) {
    if (!name.starts_with("has_")) {
      values += definition;
      continue;
    }
    declarations += "inline bool " + name + "(const Packet& p);\n";
    tests += definition;
  }
  return values + declarations + tests;
}

}  // namespace weft::codegen
