// Part of the pass "choose": the RSS key, and the field sets that are hashed.
#pragma once

#include <span>

#include "compiler/passes/pipeline.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

// A flow that no rule matches: the hash alone says where it arrives.
struct HashedFlow {
  unsigned flow = 0;  // index into the workload's flows
  double weight = 0;  // its share of the load; only ratios matter
};

// Everything of the card's RSS but the indirection table, for `queues` receive queues. Off where
// the card has no RSS, or one queue.
plan::Rss choose_key(const Inputs& inputs, unsigned queues, std::span<const HashedFlow> hashed);

}  // namespace weft::passes
