// Expressions as instructions. Their meaning is that of ir::evaluate (compiler/ir/evaluate.h).
#pragma once

#include <cstdint>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/expr.h"
#include "compiler/ir/fields.h"
#include "runtime/engine/code.h"

namespace weft::engine {

class ExprCompiler {
 public:
  // `core` gives the host's parameters, which never change and are folded into constants.
  ExprCompiler(const ir::FieldTable& fields, const Core& core, Code& code)
      : fields_(fields), core_(core), code_(code) {}

  // Appends what decides `e` and returns where it begins; it goes on at `yes` or `no`. A null
  // expression holds. Errors: E0620, a name that no packet carries (knob.*, opaque values), a
  // number wider than 64 bits.
  diag::Result<std::uint32_t> branch(const ir::ExprPtr& e, std::uint32_t yes, std::uint32_t no);

 private:
  using At = std::uint32_t;
  diag::Result<At> branch(const ir::Expr& e, At yes, At no);
  diag::Result<At> compare(const ir::Expr& e, At yes, At no);
  At range(const Value& v, std::uint64_t low, std::uint64_t high, At yes, At no);
  diag::Result<Value> value(const ir::Expr& e);
  diag::Result<Value> name(const ir::Expr& e);
  diag::Result<Value> calculate(const ir::Expr& e);
  Value computed(Computed c);
  At add(Instruction i);

  const ir::FieldTable& fields_;
  const Core& core_;
  Code& code_;
  bool on_wire_ = false;  // inside has()
};

}  // namespace weft::engine
