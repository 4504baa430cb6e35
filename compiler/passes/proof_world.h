// What a proof is about before anything is asked: a packet that nobody has seen, the host, the
// tables and the card's answers, as far as they are known of every packet.
#pragma once

#include "compiler/passes/flow_terms.h"
#include "compiler/passes/leaves.h"
#include "compiler/passes/pipeline.h"
#include "compiler/passes/shards.h"
#include "compiler/passes/symbolic.h"
#include "compiler/passes/tables.h"
#include "compiler/smt/solver.h"

namespace weft::passes {

// One solver with one packet. The host's addresses and the switches of the card are known from the
// beginning; what else is known, whoever asks says first.
struct ProofWorld {
  // `suspect`: of this flow the tables of the shards are read as the plan has them.
  ProofWorld(const plan::Plan& plan, const Inputs& inputs, TableFacts facts,
             const Suspect* suspect = nullptr);

  // Packets of this flow are looked at by themselves.
  void leave_out(const Suspect& flow);
  // The packet is of the one flow that plan, card and workload may see differently; what each says
  // of it.
  void pin(const Suspect& flow);
  // What the card may answer about checksums.
  void assume_answers();
  // What the card lets in is no longer than it can take; what applications send may be.
  void assume_length();

  // The packet where it enters a graph: as the card hands it over, or made by the engine, in which
  // case no card has said anything of it.
  State fresh(bool from_wire);
  // The ends that the protocol graph has for what comes from the wire.
  Leaves wanted();

  const plan::Plan& plan;
  const Inputs& in;
  const TableFacts facts;
  const Shards shards;
  smt::Session session;
  Symbolic symbolic;
  Pinned pinned;
  unsigned leaves = 0;  // ends that were compared so far

 private:
  smt::Term of_flow(const FlowKey& key);
};

}  // namespace weft::passes
