// Which shard owns what, as a plan says: the flows' queues, and for datagrams in pieces the queues
// whose residue takes over pieces that arrived elsewhere. The engine runs by it.
#pragma once

#include "compiler/plan/plan.h"
#include "stack-nodes/table/owners.h"

namespace weft::plan {

// Empty where no residue hands anything over.
Owners owners_of(const Plan& plan);

// Runs the entry (ir/edges.h) on the queue's shard: its own residue, or the first that has it.
const Residue* residue_of_entry(const Plan& plan, unsigned queue, unsigned entry);

}  // namespace weft::plan
