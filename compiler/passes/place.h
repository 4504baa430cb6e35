// Pass "place": which core runs which queue, and what that costs.
// Pre: residues. Post: every queue has one core; loads and cycles are predicted.
#pragma once

#include "compiler/passes/choose.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

// What is known of it that is not in the plan.
struct Foreseen {
  double latency_us = 0;  // that 99 of 100 packets of priority classes take at most; 0: who knows
  double rate = 0;        // packets per second, of all queues
  double spare = 0;       // of these by rules that no wish needs
  double beside = 0;      // cycles per second for applications and long payloads
};
diag::Result<Foreseen> place(const Inputs& inputs, const Choice& choice, plan::Plan& plan);

}  // namespace weft::passes
