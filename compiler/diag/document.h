// Refusals as documents, on their way between a stack, its planner and the tool:
// {"format": 1, "ok": false, "code": ..., "message": ..., "help": ..., "notes": [...]}.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "compiler/diag/diagnostic.h"

namespace weft::diag {

// The first of them.
nlohmann::ordered_json document_of(const Error& error);
// What the document says; without a code it is E0466.
Diagnostic diagnostic_of(const nlohmann::ordered_json& document);

}  // namespace weft::diag
