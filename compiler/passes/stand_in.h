// While a rule takes the place of one with the same match, a third in front of both catches what
// they catch, so that no packet comes elsewhere between the one and the other.
#pragma once

#include <optional>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

// In front of `now`, to the same queues; nullopt: its table has no order, no level that is free for
// it, or no room.
std::optional<plan::Filter> stand_in(const Inputs& inputs, const plan::Configuration& card,
                                     const plan::Filter& now);

// The one stands in for the other, or is what it stands in for. (Rules of single flows have none:
// who owns a flow is told of what comes elsewhere.)
bool stands_in(const plan::Filter& a, const plan::Filter& b);

}  // namespace weft::passes
