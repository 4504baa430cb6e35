// The two questions that a proof asks the solver, for those that know more about the tables than
// one plan: verify_plan asks both of every plan, DeltaProof only those that an operation opens.
#pragma once

#include <vector>

#include "compiler/passes/pipeline.h"
#include "compiler/passes/tables.h"

namespace weft::passes {

// All packets, given what is true of all entries of the tables (`facts`); packets of the flows in
// `left_out` are not looked at. No entry is: the answer holds for every plan with the same facts,
// residues, ranges and switches. Verdict::proof has leaves and queries alone.
diag::Result<Verdict> prove_all(const plan::Plan& plan, const Inputs& inputs,
                                const TableFacts& facts, const std::vector<Suspect>& left_out);

// The packets of one flow, about which the tables may disagree.
diag::Result<Verdict> prove_one(const plan::Plan& plan, const Inputs& inputs,
                                const TableFacts& facts, const Suspect& suspect);

// All but what the workload asks of queues and cores (check_wishes.h), and of the queues where its
// flows arrive: what holds on the way from one plan to another, too.
diag::Result<Verdict> verify_meaning(const plan::Plan& plan, const Inputs& inputs);

// Nodes that make many packets of one or one of many: compared as opaque steps.
std::vector<std::string> opaque(const ir::Graph& graph);

}  // namespace weft::passes
