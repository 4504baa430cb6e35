// The concrete meaning of expressions: used by the interpreter, and to check again what a solver
// says.
#pragma once

#include <functional>
#include <string>

#include "compiler/ir/expr.h"

namespace weft::ir {

// The value of a field, or for "has ipv4" whether that header is there (1 or 0).
using Lookup = std::function<Bits(const std::string& name)>;

// `&&` and `||` stop at the first argument that decides, so what stands behind a length check is
// looked up only when the check holds. Shifts by the width or more give 0; `-` wraps.
Bits evaluate(const ExprPtr& e, const Lookup& lookup);
bool holds(const ExprPtr& e, const Lookup& lookup);  // a null expression holds

Bits mask_of(unsigned width);  // `width` ones

}  // namespace weft::ir
