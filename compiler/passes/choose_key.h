// Part of the pass "choose": the card's RSS. Which fields are hashed, the key, the indirection
// table. Keys come from compiler/rss; here is what card and workload ask of them.
#pragma once

#include <optional>
#include <vector>

#include "compiler/passes/pipeline.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

// A flow that no rule matches: the hash alone says where it arrives.
struct HashedFlow {
  unsigned flow = 0;              // index into the workload's flows
  double weight = 0;              // its share of the load; only ratios matter
  std::optional<unsigned> queue;  // where it is to arrive; none: where there is least to do
};

struct Hashing {
  unsigned queues = 1;            // receive queues
  std::vector<unsigned> open;     // those that the indirection table may name, ascending
  std::vector<HashedFlow> flows;  // in any order
  double other = 0;               // load of all that is no known flow, in the same measure
  std::vector<double> elsewhere;  // by queue: load that rules bring; may be empty
};

// Off where the card has no RSS, or one queue. E0811 to E0813: what the workload's `spread:` asks
// cannot be had of this card, or of any.
diag::Result<plan::Rss> choose_key(const Inputs& inputs, const Hashing& hashing);

}  // namespace weft::passes
