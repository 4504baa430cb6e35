// What a configured card does, in a proof, to a packet that comes from the wire: the ways to a
// queue or into a silent drop.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/nic_model.h"
#include "compiler/passes/flow_terms.h"
#include "compiler/passes/symbolic.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

struct CardPath {
  std::string name;  // "rule of ntuple5", "rss", "not_for_us"
  smt::Term when;    // with everything that is known on this way
  std::string drop;  // the protocol graph's drop node that it stands for; empty: delivered
  smt::Term queue;   // 16 bits
};

std::vector<CardPath> card_receive(Symbolic& symbolic, const ir::NicModel& nic,
                                   const plan::Plan& plan, const TableFacts& facts,
                                   const Pinned& pinned);

}  // namespace weft::passes
