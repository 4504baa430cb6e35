// From one plan to another while packets flow: the operations, in an order in which every plan in
// between treats packets rightly (make before break).
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "compiler/plan/operation.h"

namespace weft::plan {

// Flows move in groups of at most this many, so that what no rule catches meanwhile is little.
inline constexpr std::size_t moved_at_once = 32;

// In front of `now`, what catches the same and brings it to the same; nullopt: the card has no
// place for it.
using StandIn = std::function<std::optional<Filter>(const Filter& now)>;

// Flows, rules, the indirection table, residues of queues, endpoints. When all are applied to
// `before`, it does what `after` says (same_but_for_names). Flows of both must be sorted, and
// endpoints of the same name have the same place (places.h). E0670 naming all that a running stack
// cannot change: host, queues, knobs, key, cores, sockets of an endpoint.
// A rule for datagrams of many that goes to other queues is replaced behind one that stands in for
// it; without, they come by what is behind both meanwhile.
diag::Result<std::vector<Operation>> operations(const Plan& before, const Plan& after,
                                                const StandIn& stand_in = {});

// Nothing that a packet or an application could tell apart; ids of rules, rates, predictions, the
// hashes of inputs and the proof may differ.
bool same_but_for_names(const Plan& a, const Plan& b);

}  // namespace weft::plan
