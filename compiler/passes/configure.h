// Pass "configure": a value for every knob of the card.
// Pre: a choice. Post: configuration complete; every flow of the plan names the queue on which the
// card, so configured, delivers it.
#pragma once

#include "compiler/passes/choose.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

diag::Result<void> configure(const Inputs& inputs, const Choice& choice, plan::Plan& plan);

}  // namespace weft::passes
