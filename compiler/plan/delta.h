// From one plan to another while packets flow: the operations, in an order in which every plan in
// between treats packets rightly (make before break).
#pragma once

#include <vector>

#include "compiler/plan/operation.h"

namespace weft::plan {

// Flows move in groups of at most this many, so that what no rule catches meanwhile is little.
inline constexpr std::size_t moved_at_once = 32;

// Flows, rules, the indirection table, residues of queues, endpoints. When all are applied to
// `before`, it does what `after` says (same_but_for_names). Flows of both must be sorted, and
// endpoints of the same name have the same place (places.h). E0670 naming all that a running stack
// cannot change: host, queues, knobs, key, cores, sockets of an endpoint.
diag::Result<std::vector<Operation>> operations(const Plan& before, const Plan& after);

// Nothing that a packet or an application could tell apart; ids of rules, rates, predictions, the
// hashes of inputs and the proof may differ.
bool same_but_for_names(const Plan& a, const Plan& b);

}  // namespace weft::plan
