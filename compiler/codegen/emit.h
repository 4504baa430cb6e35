// The generated stack: one readable C++ file for a plan, with one namespace for each residue.
#pragma once

#include <string>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"
#include "compiler/plan/plan.h"

namespace weft::codegen {

// Same plan, same text. The file defines `weft_generated_entry` (abi.h); the macro WEFT_KEY is its
// key. Code depends on the residues alone: flows, addresses and queue numbers are not in it.
//
// Errors: E0515 E0516 expressions that can't be compiled, E0517 nodes of cards, E0518 unknown stack
// nodes, E0519 cycles.
diag::Result<std::string> generate(const plan::Plan& plan, const ir::FieldTable& fields);

}  // namespace weft::codegen
