// What a machine has too little of for a plan, with the lines that ask for it and those that say
// what there is, and the least that would have to change.
#pragma once

#include "compiler/passes/pipeline.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

// Net cores are wanted for which there are no CPUs. Pre: a machine.
diag::Diagnostic refuse_cores(const Inputs& inputs, unsigned queues, unsigned wanted,
                              unsigned left);

// The buffers of the plan take more megabytes than there are. Pre: a machine that says so.
diag::Diagnostic refuse_memory(const Inputs& inputs, const plan::Plan& plan);

// What an endpoint's packets are to all cores together.
struct Burden {
  double rate = 0;    // packets per second
  double cycles = 0;  // for each, application included
  double load() const { return rate * cycles; }
};

// A core would have more to do than it can. Pre: a machine with a clock; a burden by endpoint.
diag::Diagnostic refuse_load(const Inputs& inputs, const plan::Plan& plan,
                             const plan::NetCore& core, const std::vector<Burden>& burdens);

}  // namespace weft::passes
