// Residues to be measured: what the compiler makes of the protocol graph for one queue of a card.
#pragma once

#include <string>

#include "compiler/diag/diagnostic.h"
#include "compiler/passes/pipeline.h"

namespace weft::bench {

struct CardPlan {
  ir::FieldTable fields;
  plan::Plan plan;
  unsigned residue = 0;  // the one to be measured
};

// `nic` is a model of nicmodels/, costs are nicmodels/costs/default.yaml. One endpoint (echo on
// port 7), `flows` known flows. `facts`: two queues, and the residue is that of a queue which
// filters alone feed; it is an error when the plan does not use the card's checksums in both
// directions and its filters, since the numbers would then stand for something else. `grown`: of a
// protocol graph three times as large (grown.h), whose other parts no packet visits.
diag::Result<CardPlan> plan_for(const std::string& nic, unsigned flows, bool facts, bool grown);

// The same from a plan that was written before: planning under callgrind takes minutes.
diag::Result<CardPlan> plan_from(const std::string& path, bool facts);

}  // namespace weft::bench
