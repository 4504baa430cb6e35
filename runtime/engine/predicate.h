// Predicates, compiled for the interpreter: comparisons joined by jumps, so that `&&` and `||` stop
// at the first argument that decides, and field loads are a base, an offset, a shift and a mask.
// The meaning is that of ir::evaluate (compiler/ir/evaluate.h).
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/expr.h"
#include "compiler/ir/fields.h"
#include "runtime/engine/storage.h"

namespace weft::engine {

class Predicate {
 public:
  Predicate() = default;  // holds always

  // A null expression holds always. `core` gives the host's parameters, which never change and are
  // folded into constants. Errors: E0620, a name that no packet carries (knob.*, opaque values), a
  // number wider than 64 bits.
  static diag::Result<Predicate> compile(const ir::ExprPtr& expr, const ir::FieldTable& fields,
                                         const Core& core);

  bool holds(const Packet& p, const Core& core) const;

 private:
  friend class PredicateCompiler;

  // `wire_*`: inside has(), headers are where a card's parser finds them, behind one tag at most.
  enum class Base : std::uint8_t { constant, l2, l3, l4, wire_vlan, wire_l3, accessor, computed };
  struct Value {
    Base base = Base::constant;
    std::uint8_t bytes = 0;  // of a load
    std::uint8_t shift = 0;  // to the right, after the load
    std::uint16_t offset = 0;
    std::uint16_t node = 0;  // computed: index into nodes_
    std::uint64_t mask = ~std::uint64_t{0};
    std::uint64_t constant = 0;
    Accessor accessor = nullptr;
  };
  enum class Calc : std::uint8_t { bit_and, bit_or, add, sub, shl, shr, boolean };
  struct Node {
    Calc calc = Calc::add;
    bool wide = false;  // 64 bits instead of 32
    Value a, b;
    std::uint16_t entry = 0;  // boolean: where its branches begin
  };
  enum class Compare : std::uint8_t { eq, ne, lt, le, gt, ge };
  struct Branch {
    Compare compare = Compare::eq;
    std::uint16_t yes = 0, no = 0;  // branch to go on at, or one of the two answers
    Value a, b;
  };
  static constexpr std::uint16_t answer_yes = 0xffff, answer_no = 0xfffe;

  std::uint64_t value(const Value& v, const Packet& p, const Core& core) const;
  std::uint64_t computed(const Node& node, const Packet& p, const Core& core) const;
  bool run(std::uint16_t at, const Packet& p, const Core& core) const;

  std::vector<Branch> branches_;
  std::vector<Node> nodes_;
  std::uint16_t entry_ = answer_yes;
};

}  // namespace weft::engine
