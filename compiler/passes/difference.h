// Part of "prove", the question that it consists of: is there a packet that comes to this end where
// the protocol graph would have it come to another one? And the packet, for people to look at.
#pragma once

#include <optional>
#include <string>

#include "compiler/passes/leaves.h"
#include "compiler/passes/pipeline.h"
#include "compiler/passes/proof_world.h"

namespace weft::passes {

// Where the packets come from that are compared.
struct Origin {
  std::string entry;                 // "rx", "udp_send", a slot
  std::string path;                  // of "rx": by which the card delivers ("rss")
  const Suspect* suspect = nullptr;  // they are this flow's
};

struct Difference {
  Counterexample packet;
  // The real tables and the real hash answer as the solver's model says, so it can be replayed.
  bool real = false;
};

// `wanted`: ends of the protocol graph from the same entry. nullopt: there is no such packet.
std::optional<Difference> difference(ProofWorld& world, const Leaf& actual, const Leaves& wanted,
                                     const Origin& origin);

// Not proved, and nothing to show for it.
Counterexample gave_up(const std::string& entry, const std::string& on);

// After sat: the packet of the solver's model, and what the card says of its checksums. `popped`:
// see witness.h.
void show_described(ProofWorld& world, Counterexample& out, bool popped = false);

}  // namespace weft::passes
