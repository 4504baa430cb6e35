// Part of the pass "choose": rules for many flows, and whom they bring beside those that they are
// for.
#pragma once

#include "compiler/passes/classes.h"

namespace weft::passes {

// Who comes by rules for many flows (FlowClass::covered), and who must not (FlowClass::exception).
// Pre: classes of sets stand before those of flows.
void settle(Classes& classes);

// From now on a rule for all that comes to the endpoint brings its flows, but for those that belong
// elsewhere. False where it has no such class, or where that brings nobody.
bool cover(Classes& classes, unsigned endpoint);

}  // namespace weft::passes
