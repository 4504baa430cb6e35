// Part of "prove": state with an owner is always touched on one shard, and what each shard has of
// its own is told to the others. Two packets with the same key, wherever the card delivers them.
#pragma once

#include <optional>
#include <vector>

#include "compiler/passes/flow_terms.h"
#include "compiler/passes/pipeline.h"
#include "compiler/passes/shards.h"

namespace weft::passes {

// `fresh`: a packet as it comes from the card, with its shard. The session holds what is assumed of
// every packet. nullopt: it holds.
std::optional<Counterexample> check_affinity(Symbolic& symbolic, const plan::Plan& plan,
                                             const Inputs& inputs, const TableFacts& facts,
                                             const Shards& shards);

}  // namespace weft::passes
