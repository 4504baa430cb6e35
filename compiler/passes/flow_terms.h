// Flows of the workload in a proof: not one by one, but as what is true of all of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/passes/steer.h"
#include "compiler/passes/symbolic.h"

namespace weft::passes {

// Truths about the plan's finite tables, established by enumeration (tables.h).
struct TableFacts {
  bool sources_answer = true;  // all flows come from addresses that can be answered
  bool flows_arrive = true;    // the card delivers every flow on the queue that owns it
  std::string rss_type;        // type by which flows are hashed that no rule brings to one queue
};

// The flow key of the incoming packet, as terms.
struct KeyTerms {
  std::vector<smt::Term> key;  // src, src_port, dst, dst_port
  smt::Term hit;               // the workload has this flow
  smt::Term endpoint;          // its endpoint
  smt::Term owner;             // 16 bits: the queue that owns it
};
KeyTerms key_terms(Symbolic& symbolic);

// One packet fixed to a concrete flow key, with concrete answers of the card's tables.
using Pinned = std::optional<FlowKey>;

}  // namespace weft::passes
