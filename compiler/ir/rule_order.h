// Rules of one table that match the same packets: which of them stands in front. Levels are counted
// from the back, whatever a card calls them: a rule of a higher level counts where both match.
#pragma once

#include <optional>

#include "compiler/ir/graph.h"

namespace weft::ir {

// Rules that match one packet may stand on so many levels; 1: they have no order.
unsigned levels(const FilterTable& table);

// What a rule of this level says. Pre: level < levels(table).
unsigned priority_of(const FilterTable& table, unsigned level);

// The level of a rule that says this; of one that says what the table does not know, the last.
unsigned level_of(const FilterTable& table, unsigned priority);

// What a rule is for, as far as chooser and live changes make rules: all that comes to an endpoint,
// a set of flows, one flow.
enum class Breadth { endpoint, set, flow };

// Its level, so that the narrower is in front and one more flow always finds its place there.
// `over_endpoint`: a rule of the same table is for the whole endpoint of the set, so that both
// want a level even where there are few. Where there are four, there is one between them, for a
// moment of what changes (passes/stand_in.h).
unsigned level_for(const FilterTable& table, Breadth breadth, bool over_endpoint);

}  // namespace weft::ir
