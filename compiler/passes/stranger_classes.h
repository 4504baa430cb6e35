// Part of the pass "choose": what comes to endpoints from sources that are no known flow, and the
// rules that could bring it, as the card takes them.
#pragma once

#include <vector>

#include "compiler/passes/classes.h"

namespace weft::passes {

// One class for each endpoint that may want rules for strangers, as far as it is known before all
// classes are (its zone and name are not). `weight`: by flow, cycles per second.
std::vector<FlowClass> stranger_classes(const Inputs& inputs, const PacketCost& cost,
                                        const RuleKinds& kinds, const std::vector<double>& weight);

}  // namespace weft::passes
