// The table of the host's addresses (stack-nodes/table/address_table.h) as proofs know it: a
// symbolic lookup, and what it answers for the addresses that the workload gives the host.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/workload.h"
#include "compiler/passes/symbolic.h"
#include "stack-nodes/packet.h"

namespace weft::passes {

// Incoming packets have `field` filled with an own address, as ipv4.local will find.
smt::Term is_own(Symbolic& symbolic, const std::string& field);

// The source of incoming packets can be answered, as ipv4.peer_ok will find.
smt::Term comes_from_peer(Symbolic& symbolic);

// What the table says of the workload's addresses: as many as are worth a line in a proof, the
// primary one and broadcast first. The others are one symbolic lookup like everybody's.
std::vector<smt::Term> address_facts(Symbolic& symbolic, const ir::Workload& workload);

// `field` of the incoming packet is answered as when the stack runs: an address of the host by what
// it is, any other by "other". For counterexamples that can be replayed.
smt::Term answered_as_is(Symbolic& symbolic, const ir::Workload& workload,
                         const std::string& field);

// The same for the test ipv4.peer_ok, of the source.
smt::Term peer_as_is(Symbolic& symbolic, const ir::Workload& workload);

}  // namespace weft::passes
