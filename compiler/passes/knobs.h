// Part of the pass "choose": the card's switches.
#pragma once

#include <map>
#include <string>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

std::map<std::string, bool> choose_knobs(const Inputs& inputs);

}  // namespace weft::passes
