#include "runtime/emulator/predicate.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::emulator {
namespace {

using ir::Bits;
using ir::Op;

// Deeper nesting of has() than any chain of headers: a header that is selected by itself.
constexpr unsigned max_depth = 64;

diag::Diagnostic cannot_see(const ir::Expr& expr, std::string why) {
  return {.code = "E0640",
          .message = fmt::format("a card cannot evaluate `{}`", expr.name),
          .span = expr.span,
          .label = std::move(why)};
}

Bits low_ones(unsigned width) { return width >= 128 ? ~Bits{0} : (Bits{1} << width) - 1; }

// Arithmetic is done in 32 bits, or in 64 where an argument is wider.
unsigned arithmetic_width(unsigned a, unsigned b) { return std::max(a, b) > 32 ? 64 : 32; }

}  // namespace

unsigned Predicate::push(Step step) {
  steps_.push_back(std::move(step));
  return static_cast<unsigned>(steps_.size() - 1);
}

diag::Result<Predicate> Predicate::compile(const ir::ExprPtr& expr, const Names& names) {
  Predicate out;
  if (expr == nullptr) return out;
  if (auto root = out.add(expr, names, 0); !root) return diag::fail(root.error());
  return out;
}

diag::Result<unsigned> Predicate::add_name(const ir::Expr& expr, const Names& names) {
  Step step{.op = Op::name};
  if (expr.name == "pkt.len") {
    step.source = Source::length;
    step.width = 16;
  } else if (expr.name == "host.mac") {
    step.source = Source::mac;
    step.width = 48;
  } else if (expr.name.starts_with("knob.")) {
    const auto found = std::find(names.knobs.begin(), names.knobs.end(), expr.name.substr(5));
    if (found == names.knobs.end())
      return diag::fail(cannot_see(expr, "the model has no such knob"));
    step.source = Source::knob;
    step.knob = static_cast<unsigned>(found - names.knobs.begin());
    step.width = 1;
  } else {
    const ir::Field* field = names.fields.find(expr.name);
    if (field == nullptr) return diag::fail(cannot_see(expr, "no such field"));
    const auto place = place_of(*field);
    if (!place) return diag::fail(cannot_see(expr, "this is not on the wire"));
    step.source = Source::field;
    step.place = *place;
    step.width = field->width;
  }
  return push(std::move(step));
}

diag::Result<unsigned> Predicate::add_has(const ir::Expr& expr, const Names& names,
                                          unsigned depth) {
  const ir::Header* header = names.fields.header(expr.name);
  if (header == nullptr) return diag::fail(cannot_see(expr, "no such header"));
  if (depth > max_depth) return diag::fail(cannot_see(expr, "the header is defined by itself"));
  if (header->selected_by == nullptr) return push({.op = Op::constant, .width = 1, .value = 1});
  return add(header->selected_by, names, depth + 1);
}

diag::Result<unsigned> Predicate::add(const ir::ExprPtr& expr, const Names& names, unsigned depth) {
  switch (expr->op) {
    case Op::constant:
      return push({.op = Op::constant, .width = expr->width, .value = expr->value});
    case Op::name: return add_name(*expr, names);
    case Op::has: return add_has(*expr, names, depth);
    default: break;
  }
  Step step{.op = expr->op, .width = 1};
  for (const ir::ExprPtr& arg : expr->args) {
    auto index = add(arg, names, depth);
    if (!index) return index;
    step.args.push_back(*index);
  }
  if (step.args.empty()) return diag::fail(cannot_see(*expr, "an operator without arguments"));
  const unsigned first = steps_[step.args.front()].width;
  const unsigned second = steps_[step.args.back()].width;
  if (expr->op == Op::bit_and || expr->op == Op::bit_or) step.width = std::max(first, second);
  if (expr->op >= Op::add) step.width = arithmetic_width(first, second);
  return push(std::move(step));
}

bool Predicate::holds(const Frame& frame, const CardState& state) const {
  return steps_.empty() || value(frame, state) != 0;
}

Bits Predicate::value(const Frame& frame, const CardState& state) const {
  if (steps_.empty()) return 1;
  return evaluate(static_cast<unsigned>(steps_.size() - 1), frame, state);
}

Bits Predicate::evaluate(unsigned index, const Frame& frame, const CardState& state) const {
  const Step& step = steps_[index];
  const auto arg = [&](std::size_t i) { return evaluate(step.args[i], frame, state); };
  switch (step.op) {
    case Op::constant: return step.value;
    case Op::name:
      switch (step.source) {
        case Source::field: return frame.read(step.place);
        case Source::length: return frame.size();
        case Source::mac: return state.mac;
        case Source::knob: return state.knobs[step.knob];
        case Source::none: return 0;
      }
      return 0;
    case Op::has: return 0;  // replaced by the header's own predicate in add_has
    case Op::logical_not: return arg(0) == 0;
    case Op::logical_and:
      for (std::size_t i = 0; i < step.args.size(); ++i)
        if (arg(i) == 0) return 0;
      return 1;
    case Op::logical_or:
      for (std::size_t i = 0; i < step.args.size(); ++i)
        if (arg(i) != 0) return 1;
      return 0;
    case Op::eq: return arg(0) == arg(1);
    case Op::ne: return arg(0) != arg(1);
    case Op::lt: return arg(0) < arg(1);
    case Op::le: return arg(0) <= arg(1);
    case Op::gt: return arg(0) > arg(1);
    case Op::ge: return arg(0) >= arg(1);
    case Op::bit_and: return arg(0) & arg(1);
    case Op::bit_or: return arg(0) | arg(1);
    case Op::add: return (arg(0) + arg(1)) & low_ones(step.width);
    case Op::sub: return (arg(0) - arg(1)) & low_ones(step.width);
    case Op::shl: {
      const Bits by = arg(1);
      return by >= step.width ? 0 : (arg(0) << static_cast<unsigned>(by)) & low_ones(step.width);
    }
    case Op::shr: {
      const Bits by = arg(1);
      return by >= step.width ? 0 : (arg(0) & low_ones(step.width)) >> static_cast<unsigned>(by);
    }
  }
  return 0;
}

}  // namespace weft::emulator
