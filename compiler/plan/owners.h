// Which shard owns what, as a plan says: the flows' queues, for datagrams in pieces and connections
// the queues whose residue takes over what arrived elsewhere, and where the card brings connections
// that are not handed over. The engine runs by it.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/plan/plan.h"
#include "stack-nodes/slots.h"
#include "stack-nodes/table/owners.h"

namespace weft::plan {

// Empty where no residue hands anything over.
Owners owners_of(const Plan& plan);

// Queues whose residue takes over what is handed over by this slot, lowest first.
std::vector<std::uint16_t> takers(const Plan& plan, nodes::Slot slot);

// Has any residue what takes segments? Else the graph that it was made of knows nothing of TCP.
bool takes_segments(const Plan& plan);
// Are connections that are open right where they are when rules for them, or the table, change?
// What arrives elsewhere then is handed over to the shard that kept them.
bool keeps_connections(const Plan& plan);

// Runs the entry (ir/edges.h) on the queue's shard: its own residue, or the first that has it.
const Residue* residue_of_entry(const Plan& plan, unsigned queue, unsigned entry);

}  // namespace weft::plan
