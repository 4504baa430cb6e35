// Part of "prove": packets from one entry of the graphs after the other, and every end that they
// may come to (difference.h).
#pragma once

#include <optional>

#include "compiler/passes/proof_world.h"

namespace weft::passes {

// What comes from the wire: every way through the card's receive graph, and every residue that it
// leads to. `suspect`: packets of this flow alone (ProofWorld::pin).
struct Received {
  std::optional<Counterexample> found;
  // One that only the abstraction knows, in which tables and hash answer anything: for the case
  // that nothing better is found elsewhere.
  std::optional<Counterexample> abstract;
};
Received prove_receive(ProofWorld& world, const Suspect* suspect);

// What applications send, answers, packets that waited; there the card's transmit units run behind
// the residue.
std::optional<Counterexample> prove_transmit(ProofWorld& world);

// A flow's datagram that was put together from fragments, on the shard that the plan says owns it.
std::optional<Counterexample> prove_reassembled(ProofWorld& world, const Suspect& suspect);

// A residue without the entry cannot be right.
Counterexample no_entry(const plan::Residue& residue, const std::string& entry);

}  // namespace weft::passes
