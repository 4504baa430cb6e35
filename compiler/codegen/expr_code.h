// Predicates as C++: every field becomes a small inline accessor, every expression one C++
// expression over those. The meaning is that of ir::evaluate.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "compiler/codegen/equalities.h"
#include "compiler/diag/diagnostic.h"
#include "compiler/ir/expr.h"
#include "compiler/ir/fields.h"

namespace weft::codegen {

class ExprCompiler {
 public:
  explicit ExprCompiler(const ir::FieldTable& fields) : fields_(fields) {}

  // C++ text over `p` (Packet) and `core` (Core); in parentheses wherever that is needed to put it
  // under `!`, `&&` and `||`. Fails on names that no packet carries (knobs, opaque values) and on
  // numbers wider than 64 bits.
  diag::Result<std::string> compile(const ir::ExprPtr& expr);

  // Whether `a && b` is one comparison (equalities.h).
  bool as_one(const ir::ExprPtr& a, const ir::ExprPtr& b) const;

  // The accessors of all fields compiled so far: to be put before the first use.
  std::string accessors() const;

 private:
  diag::Result<std::string> operand(const ir::ExprPtr& expr);
  diag::Result<std::string> number(const ir::ExprPtr& expr);
  std::optional<Equality> one_equality(const ir::Expr& expr) const;
  std::string compared(const Equality& equality);
  std::optional<std::string> masked(const ir::Expr& expr);
  diag::Result<std::string> field(const ir::Expr& expr);
  diag::Result<std::string> header(const ir::Expr& expr);
  diag::Result<std::string> joined(const ir::Expr& expr, const char* separator);
  diag::Result<std::string> binary(const ir::Expr& expr);

  const ir::FieldTable& fields_;
  std::map<std::string, std::string> accessors_;  // name -> definition
  bool on_wire_ = false;  // inside has(): headers are where a card's parser finds them
};

// "ipv4.ttl" -> "ipv4_ttl": what may stand in C++ for a name of a graph.
std::string identifier(std::string_view name);

}  // namespace weft::codegen
