// Expression -> branches. Branches are made from the last to the first, so that the place to go on
// at is always known.
#include <fmt/format.h>

#include "compiler/ir/evaluate.h"
#include "runtime/engine/predicate.h"
#include "stack-nodes/core.h"

namespace weft::engine {

using diag::Result;

class PredicateCompiler {
 public:
  PredicateCompiler(const ir::FieldTable& fields, const Core& core)
      : fields_(fields), core_(core) {}

  Result<Predicate> compile(const ir::ExprPtr& expr) {
    auto entry = branch(*expr, Predicate::answer_yes, Predicate::answer_no);
    if (!entry) return diag::fail(entry.error());
    made_.entry_ = *entry;
    return std::move(made_);
  }

 private:
  using Base = Predicate::Base;
  using Value = Predicate::Value;
  using At = std::uint16_t;

  static diag::Error refuse(const ir::Expr& e, std::string message) {
    return diag::Diagnostic{
        .code = "E0620",
        .message = std::move(message),
        .span = e.span,
        .help = "the plan was made by another version of weft; compile it again"};
  }

  Result<At> branch(const ir::Expr& e, At yes, At no);
  Result<At> compare(const ir::Expr& e, Predicate::Compare how, At yes, At no);
  Result<Value> value(const ir::Expr& e);
  Result<Value> name(const ir::Expr& e);
  Result<Value> calculate(const ir::Expr& e);
  Result<At> add(Predicate::Branch made, const ir::Expr& e);

  const ir::FieldTable& fields_;
  const Core& core_;
  Predicate made_;
  bool on_wire_ = false;  // inside has()
};

Result<PredicateCompiler::At> PredicateCompiler::add(Predicate::Branch made, const ir::Expr& e) {
  if (made_.branches_.size() >= Predicate::answer_no)
    return diag::fail(refuse(e, "a predicate has too many comparisons"));
  made_.branches_.push_back(made);
  return static_cast<At>(made_.branches_.size() - 1);
}

Result<PredicateCompiler::At> PredicateCompiler::branch(const ir::Expr& e, At yes, At no) {
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
      if (!header->selected_by) return yes;
      const bool outer = std::exchange(on_wire_, true);
      auto made = branch(*header->selected_by, yes, no);
      on_wire_ = outer;
      return made;
    }
    case ir::Op::eq: return compare(e, Predicate::Compare::eq, yes, no);
    case ir::Op::ne: return compare(e, Predicate::Compare::ne, yes, no);
    case ir::Op::lt: return compare(e, Predicate::Compare::lt, yes, no);
    case ir::Op::le: return compare(e, Predicate::Compare::le, yes, no);
    case ir::Op::gt: return compare(e, Predicate::Compare::gt, yes, no);
    case ir::Op::ge: return compare(e, Predicate::Compare::ge, yes, no);
    default: break;  // a number where a truth is meant: it holds unless it is 0
  }
  auto number = value(e);
  if (!number) return diag::fail(number.error());
  return add({.compare = Predicate::Compare::ne, .yes = yes, .no = no, .a = *number, .b = {}}, e);
}

Result<PredicateCompiler::At> PredicateCompiler::compare(const ir::Expr& e, Predicate::Compare how,
                                                         At yes, At no) {
  auto a = value(*e.args.at(0));
  if (!a) return diag::fail(a.error());
  auto b = value(*e.args.at(1));
  if (!b) return diag::fail(b.error());
  return add({.compare = how, .yes = yes, .no = no, .a = *a, .b = *b}, e);
}

Result<PredicateCompiler::Value> PredicateCompiler::value(const ir::Expr& e) {
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
  auto entry = branch(e, Predicate::answer_yes, Predicate::answer_no);
  if (!entry) return diag::fail(entry.error());
  Predicate::Node node;
  node.calc = Predicate::Calc::boolean;
  node.entry = *entry;
  made_.nodes_.push_back(node);
  Value v;
  v.base = Base::computed;
  v.node = static_cast<std::uint16_t>(made_.nodes_.size() - 1);
  return v;
}

Result<PredicateCompiler::Value> PredicateCompiler::name(const ir::Expr& e) {
  const ir::Field* field = fields_.find(e.name);
  if (field == nullptr) return diag::fail(refuse(e, "no packet carries `" + e.name + "`"));
  Value v;
  if (field->layer == ir::Layer::none) {
    v.base = Base::accessor;
    v.accessor = accessor_of(field->storage);
    if (v.accessor == nullptr)
      return diag::fail(refuse(e, fmt::format("`{}` has no value that can be read", e.name)));
    v.mask = static_cast<std::uint64_t>(ir::mask_of(field->width));
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
  v.mask = static_cast<std::uint64_t>(ir::mask_of(field->width));
  if (!on_wire_) {
    v.base = field->layer == ir::Layer::l2   ? Base::l2
             : field->layer == ir::Layer::l3 ? Base::l3
                                             : Base::l4;
  } else if (field->layer == ir::Layer::l4) {
    return diag::fail(refuse(e, "`" + e.name + "` cannot select a header"));
  } else {
    v.base = field->layer == ir::Layer::l2 ? Base::l2
             : e.name.starts_with("vlan.") ? Base::wire_vlan
                                           : Base::wire_l3;
  }
  return v;
}

Result<PredicateCompiler::Value> PredicateCompiler::calculate(const ir::Expr& e) {
  auto a = value(*e.args.at(0));
  if (!a) return a;
  auto b = value(*e.args.at(1));
  if (!b) return b;
  // `field & constant` is part of the load.
  const auto loads = [](const Value& v) {
    return v.base != Base::constant && v.base != Base::computed;
  };
  if (e.op == ir::Op::bit_and && loads(*a) && b->base == Base::constant) {
    a->mask &= b->constant;
    return a;
  }
  Predicate::Node node;
  node.a = *a;
  node.b = *b;
  node.wide = e.args[0]->width > 32 || e.args[1]->width > 32;
  switch (e.op) {
    case ir::Op::bit_and: node.calc = Predicate::Calc::bit_and; break;
    case ir::Op::bit_or: node.calc = Predicate::Calc::bit_or; break;
    case ir::Op::add: node.calc = Predicate::Calc::add; break;
    case ir::Op::sub: node.calc = Predicate::Calc::sub; break;
    case ir::Op::shl: node.calc = Predicate::Calc::shl; break;
    default: node.calc = Predicate::Calc::shr; break;
  }
  made_.nodes_.push_back(node);
  Value v;
  v.base = Base::computed;
  v.node = static_cast<std::uint16_t>(made_.nodes_.size() - 1);
  return v;
}

Result<Predicate> Predicate::compile(const ir::ExprPtr& expr, const ir::FieldTable& fields,
                                     const Core& core) {
  if (!expr) return Predicate{};
  return PredicateCompiler(fields, core).compile(expr);
}

}  // namespace weft::engine
