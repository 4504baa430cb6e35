#include "compiler/ir/evaluate.h"

namespace weft::ir {

Bits mask_of(unsigned width) { return width >= 128 ? ~Bits{0} : (Bits{1} << width) - 1; }

Bits evaluate(const ExprPtr& e, const Lookup& lookup) {
  const auto argument = [&](std::size_t i) { return evaluate(e->args[i], lookup); };
  const Bits mask = mask_of(e->width);
  switch (e->op) {
    case Op::constant: return e->value;
    case Op::name: return lookup(e->name) & mask;
    case Op::has: return lookup("has " + e->name) != 0 ? 1 : 0;
    case Op::logical_not: return argument(0) == 0 ? 1 : 0;
    case Op::logical_and:
      for (std::size_t i = 0; i < e->args.size(); ++i) {
        if (argument(i) == 0) return 0;
      }
      return 1;
    case Op::logical_or:
      for (std::size_t i = 0; i < e->args.size(); ++i) {
        if (argument(i) != 0) return 1;
      }
      return 0;
    default: break;
  }
  const Bits a = argument(0);
  const Bits b = argument(1);
  switch (e->op) {
    case Op::eq: return a == b ? 1 : 0;
    case Op::ne: return a != b ? 1 : 0;
    case Op::lt: return a < b ? 1 : 0;
    case Op::le: return a <= b ? 1 : 0;
    case Op::gt: return a > b ? 1 : 0;
    case Op::ge: return a >= b ? 1 : 0;
    case Op::bit_and: return a & b;
    case Op::bit_or: return a | b;
    case Op::add: return (a + b) & mask;
    case Op::sub: return (a - b) & mask;
    case Op::shl: return b >= e->width ? 0 : (a << static_cast<unsigned>(b)) & mask;
    case Op::shr: return b >= e->width ? 0 : (a & mask) >> static_cast<unsigned>(b);
    default: return 0;
  }
}

bool holds(const ExprPtr& e, const Lookup& lookup) {
  return e == nullptr || evaluate(e, lookup) != 0;
}

}  // namespace weft::ir
