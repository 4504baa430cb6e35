// What tests of several cores and of the night share.
#pragma once

#include "compiler/plan/plan.h"

namespace weft::sim {

// The plan's queues over so many net cores, in turn.
void spread(plan::Plan& plan, unsigned cores);

// tests/run --nightly
bool nightly();

}  // namespace weft::sim
