// Part of the pass "choose": the card's switches.
#pragma once

#include <map>
#include <string>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

std::map<std::string, bool> choose_knobs(const Inputs& inputs);

// Of a configuration's `knobs`; those that it does not name are off.
bool is_on(const std::map<std::string, bool>& knobs, const std::string& knob);

}  // namespace weft::passes
