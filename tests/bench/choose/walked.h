// The peer: a greedy search that knows nothing but the card's graph. Flow by flow it tries every
// queue, and to know what a configuration is worth it walks the graph with every flow so far. That
// is how Dragonet chose (its cost functions see the graph's answer, and nothing else).
#pragma once

#include "compiler/passes/pipeline.h"

namespace weft::bench {

struct Walked {
  double busiest = 0;       // packets per second of the fullest queue
  unsigned long walks = 0;  // packets taken through the graph
};

// Over `queues` queues; `gold_queues` of them, the last, for gold flows alone (0: for all).
Walked search_by_walking(const passes::Inputs& inputs, unsigned queues, unsigned gold_queues);

}  // namespace weft::bench
