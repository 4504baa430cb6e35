// Expressions inside YAML values: errors point at the character, however the value was quoted or
// folded.
#pragma once

#include <functional>
#include <string_view>

#include "compiler/diag/diagnostic.h"
#include "compiler/frontend/yaml_reader.h"
#include "compiler/ir/expr.h"
#include "compiler/ir/fields.h"

namespace weft::frontend {

// The place of `length` characters at `offset` of the text.
using Places = std::function<diag::Span(std::size_t offset, std::size_t length)>;

diag::Result<ir::ExprPtr> parse_expr_at(std::string_view text, const ir::FieldTable& fields,
                                        const Places& places);

// A condition (width 1). Errors are recorded at `value`, and `true` is returned instead.
ir::ExprPtr read_condition(const Value& value, const ir::FieldTable& fields);

}  // namespace weft::frontend
