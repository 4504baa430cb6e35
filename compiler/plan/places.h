// Endpoints keep their numbers while a stack runs: rules mark packets with them, entries of tables
// and instances of applications have them. So a plan or a workload that is to run on takes over the
// numbers of what runs; places of those that are gone stay vacant until others take them.
#pragma once

#include "compiler/plan/plan.h"

namespace weft::plan {

// Endpoints get the places that those of the same name have in `running`; new ones get vacant
// places first, then those of endpoints that are not wanted any more, then ones behind the last.
Plan with_places_of(Plan plan, const std::vector<ir::Endpoint>& running);
ir::Workload with_places_of(ir::Workload workload, const std::vector<ir::Endpoint>& running);

// The endpoint that a rule is for: its flow's, the one it marks packets for, or the one that
// listens where it looks. nullopt: none of the plan's.
std::optional<unsigned> endpoint_of(const Filter& rule, const Plan& plan);

// How many sockets a rule for an endpoint brings all of: the ports that it is for, or some part
// where it looks at sources, too.
double sockets_of(const Filter& rule);
// Are there rules for all that comes to the endpoint?
bool brought_by_rules(const Plan& plan, unsigned place);
// Of an endpoint that asks for queues known flows alone are brought there: it expects no others,
// and they go by the hash.
bool strangers_by_hash(const Plan& plan, unsigned place);
inline constexpr const char* none_expected = "strangers, of whom none are expected, go by the hash";

// `plan` without the endpoint, and without all flows and rules that are its.
// Its place becomes vacant; what is foreseen of its packets, and where it runs, goes.
void forget_endpoint(Plan& plan, unsigned place);
void remove_endpoint(Plan& plan, unsigned place);

}  // namespace weft::plan
