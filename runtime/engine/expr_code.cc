// Instructions are made from the last to the first, so that the place to go on at is always known.
#include "runtime/engine/expr_code.h"

#include <fmt/format.h>

#include <cstddef>
#include <utility>

#include "compiler/ir/evaluate.h"
#include "stack-nodes/core.h"

namespace weft::engine {
namespace {

using diag::Result;
using Base = Value::Base;
using Op = Instruction::Op;
using Sign = Comparison::Sign;

constexpr std::uint64_t most = ~std::uint64_t{0};

diag::Error refuse(const ir::Expr& e, std::string message) {
  return diag::Diagnostic{.code = "E0620",
                          .message = std::move(message),
                          .span = e.span,
                          .help = "the plan was made by another version of weft; compile it again"};
}

// What is read by an accessor, and yet has an instruction: by its text in names.yaml.
struct Direct {
  const char* storage;
  Op op;
  std::uint16_t offset = 0;
};
constexpr Direct direct[] = {
    {"p.len", Op::length},
    {"wire::ethertype(p)", Op::ethertype},
    {"p.vlan_id", Op::member_2, offsetof(Packet, vlan_id)},
    {"p.endpoint", Op::member_2, offsetof(Packet, endpoint)},
    {"p.connected", Op::member_1, offsetof(Packet, connected)},
    {"answer<CardFacts::ip>(p)", Op::ip_cksum},
    {"answer<CardFacts::l4>(p)", Op::l4_cksum},
};

Sign sign_of(ir::Op op) {
  switch (op) {
    case ir::Op::eq: return Sign::eq;
    case ir::Op::ne: return Sign::ne;
    case ir::Op::lt: return Sign::lt;
    case ir::Op::le: return Sign::le;
    case ir::Op::gt: return Sign::gt;
    default: return Sign::ge;
  }
}

// a < b is b > a.
Sign turned(Sign sign) {
  switch (sign) {
    case Sign::lt: return Sign::gt;
    case Sign::le: return Sign::ge;
    case Sign::gt: return Sign::lt;
    case Sign::ge: return Sign::le;
    default: return sign;
  }
}

}  // namespace

Instruction load_of(const Value& v) {
  Instruction i;
  i.op = Op::other;
  i.offset = v.offset;
  i.shift = v.shift;
  i.mask = v.mask;
  const unsigned n = v.bytes;
  if (v.base == Base::l2 && (n == 2 || n == 6)) i.op = n == 2 ? Op::l2_2 : Op::l2_6;
  if (v.base == Base::l3 && (n == 1 || n == 2 || n == 4))
    i.op = n == 1 ? Op::l3_1 : n == 2 ? Op::l3_2 : Op::l3_4;
  if (v.base == Base::l4 && (n == 1 || n == 2)) i.op = n == 1 ? Op::l4_1 : Op::l4_2;
  if (v.base == Base::l3_room) i.op = Op::l3_room;
  if (v.base == Base::l4_room) i.op = Op::l4_room;
  if (v.base == Base::accessor) {
    for (const Direct& d : direct) {
      if (v.accessor != accessor_of(d.storage)) continue;
      i.op = d.op;
      i.offset = d.offset;
    }
  }
  return i;
}

ExprCompiler::At ExprCompiler::add(Instruction i) {
  code_.instructions.push_back(i);
  return static_cast<At>(code_.instructions.size() - 1);
}

Result<ExprCompiler::At> ExprCompiler::branch(const ir::ExprPtr& e, At yes, At no) {
  return e ? branch(*e, yes, no) : Result<At>(yes);
}

Result<ExprCompiler::At> ExprCompiler::branch(const ir::Expr& e, At yes, At no) {
  switch (e.op) {
    case ir::Op::constant: return e.value != 0 ? yes : no;
    case ir::Op::logical_not: return branch(*e.args.at(0), no, yes);
    case ir::Op::logical_and:
    case ir::Op::logical_or: {
      const bool both = e.op == ir::Op::logical_and;
      At next = both ? yes : no;
      for (auto arg = e.args.rbegin(); arg != e.args.rend(); ++arg) {
        auto made = both ? branch(**arg, next, no) : branch(**arg, yes, next);
        if (!made) return made;
        next = *made;
      }
      return next;
    }
    case ir::Op::has: {
      const ir::Header* header = fields_.header(e.name);
      if (header == nullptr) return diag::fail(refuse(e, "there is no header `" + e.name + "`"));
      const bool outer = std::exchange(on_wire_, true);
      auto made = branch(header->selected_by, yes, no);
      on_wire_ = outer;
      return made;
    }
    case ir::Op::eq:
    case ir::Op::ne:
    case ir::Op::lt:
    case ir::Op::le:
    case ir::Op::gt:
    case ir::Op::ge: return compare(e, yes, no);
    default: break;  // a number where a truth is meant: it holds unless it is 0
  }
  auto number = value(e);
  if (!number) return diag::fail(number.error());
  return range(*number, 1, most, yes, no);
}

// yes when low <= v <= high.
ExprCompiler::At ExprCompiler::range(const Value& v, std::uint64_t low, std::uint64_t high, At yes,
                                     At no) {
  if (v.base == Base::constant) return v.constant - low <= high - low ? yes : no;
  Instruction i = load_of(v);
  i.yes = yes;
  i.no = no;
  i.low = low;
  i.span = high - low;
  if (i.op == Op::other) {  // value_of() does shift and mask itself
    i.mask = most;
    i.shift = 0;
    i.index = static_cast<std::uint32_t>(code_.values.size());
    code_.values.push_back(v);
  }
  return add(i);
}

Result<ExprCompiler::At> ExprCompiler::compare(const ir::Expr& e, At yes, At no) {
  auto a = value(*e.args.at(0));
  if (!a) return diag::fail(a.error());
  auto b = value(*e.args.at(1));
  if (!b) return diag::fail(b.error());
  Sign sign = sign_of(e.op);
  if (a->base == Base::constant) {
    std::swap(*a, *b);
    sign = turned(sign);
  }
  if (b->base != Base::constant) {
    Instruction i;
    i.op = Op::compare;
    i.yes = yes;
    i.no = no;
    i.index = static_cast<std::uint32_t>(code_.comparisons.size());
    code_.comparisons.push_back({sign, *a, *b});
    return add(i);
  }
  const std::uint64_t c = b->constant;
  switch (sign) {
    case Sign::eq: return range(*a, c, c, yes, no);
    case Sign::ne: return range(*a, c, c, no, yes);
    case Sign::lt: return c == 0 ? no : range(*a, 0, c - 1, yes, no);
    case Sign::le: return range(*a, 0, c, yes, no);
    case Sign::gt: return c == most ? no : range(*a, c + 1, most, yes, no);
    case Sign::ge: break;
  }
  return range(*a, c, most, yes, no);
}

Result<Value> ExprCompiler::value(const ir::Expr& e) {
  switch (e.op) {
    case ir::Op::constant: {
      if (e.value >> 64 != 0) return diag::fail(refuse(e, "a number is wider than 64 bits"));
      Value v;
      v.constant = static_cast<std::uint64_t>(e.value);
      return v;
    }
    case ir::Op::name: return name(e);
    case ir::Op::bit_and:
    case ir::Op::bit_or:
    case ir::Op::add:
    case ir::Op::sub:
    case ir::Op::shl:
    case ir::Op::shr: return calculate(e);
    default: break;
  }
  Instruction answer;
  answer.op = Op::answer_yes;
  const At yes = add(answer);
  answer.op = Op::answer_no;
  auto entry = branch(e, yes, add(answer));
  if (!entry) return diag::fail(entry.error());
  Computed c;
  c.calc = Computed::Calc::boolean;
  c.entry = *entry;
  return computed(c);
}

Value ExprCompiler::computed(Computed c) {
  Value v;
  v.base = Base::computed;
  v.index = static_cast<std::uint32_t>(code_.computed.size());
  code_.computed.push_back(c);
  return v;
}

Result<Value> ExprCompiler::name(const ir::Expr& e) {
  const ir::Field* field = fields_.find(e.name);
  if (field == nullptr) return diag::fail(refuse(e, "no packet carries `" + e.name + "`"));
  Value v;
  v.mask = static_cast<std::uint64_t>(ir::mask_of(field->width));
  if (field->layer == ir::Layer::none) {
    v.base = Base::accessor;
    v.accessor = accessor_of(field->storage);
    if (field->storage == "wire::l3_room(p)") v.base = Base::l3_room;
    if (field->storage == "wire::l4_room(p)") v.base = Base::l4_room;
    if (v.accessor == nullptr)
      return diag::fail(refuse(e, fmt::format("`{}` has no value that can be read", e.name)));
    if (field->storage.starts_with("core.host.")) {
      v.constant = v.accessor(Packet{}, core_) & v.mask;
      v.base = Base::constant;
    }
    return v;
  }
  const unsigned first = field->offset / 8, last = (field->offset + field->width - 1) / 8;
  if (last - first >= 8) return diag::fail(refuse(e, "`" + e.name + "` spans more than 8 bytes"));
  v.bytes = static_cast<std::uint8_t>(last - first + 1);
  v.offset = static_cast<std::uint16_t>(first);
  v.shift = static_cast<std::uint8_t>((last + 1) * 8 - (field->offset + field->width));
  if (field->layer == ir::Layer::l2) {
    v.base = Base::l2;
  } else if (!on_wire_) {
    v.base = field->layer == ir::Layer::l3 ? Base::l3 : Base::l4;
  } else if (field->layer == ir::Layer::l4) {
    return diag::fail(refuse(e, "`" + e.name + "` cannot select a header"));
  } else {
    v.base = e.name.starts_with("vlan.") ? Base::wire_vlan : Base::wire_l3;
  }
  return v;
}

Result<Value> ExprCompiler::calculate(const ir::Expr& e) {
  auto a = value(*e.args.at(0));
  if (!a) return a;
  auto b = value(*e.args.at(1));
  if (!b) return b;
  // `field & constant` is part of the load.
  if (e.op == ir::Op::bit_and && a->base != Base::constant && a->base != Base::computed &&
      b->base == Base::constant) {
    a->mask &= b->constant;
    return a;
  }
  Computed c;
  c.a = *a;
  c.b = *b;
  c.wide = e.args[0]->width > 32 || e.args[1]->width > 32;
  switch (e.op) {
    case ir::Op::bit_and: c.calc = Computed::Calc::bit_and; break;
    case ir::Op::bit_or: c.calc = Computed::Calc::bit_or; break;
    case ir::Op::add: c.calc = Computed::Calc::add; break;
    case ir::Op::sub: c.calc = Computed::Calc::sub; break;
    case ir::Op::shl: c.calc = Computed::Calc::shl; break;
    default: c.calc = Computed::Calc::shr; break;
  }
  if (a->base == Base::constant && b->base == Base::constant) {  // host.mtu + 14
    a->constant = engine::calculate(c, a->constant, b->constant);
    return a;
  }
  return computed(c);
}

}  // namespace weft::engine
