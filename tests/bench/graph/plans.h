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

// `nic` is a model of nicmodels/. One queue, one endpoint (echo on port 7), `flows` known flows of
// which a card with filters and marks has as many as fit. The residue is that of the queue.
diag::Result<CardPlan> plan_for(const std::string& nic, unsigned flows);

}  // namespace weft::bench
