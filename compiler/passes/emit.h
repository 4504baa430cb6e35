// Pass "emit": what makes the plan a document: names, hashes of the inputs, the order of things.
// Pre: placed. Post: same inputs, same bytes.
#pragma once

#include "compiler/passes/pipeline.h"

namespace weft::passes {

void emit(const Inputs& inputs, plan::Plan& plan);

}  // namespace weft::passes
