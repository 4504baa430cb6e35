// Pass "configure": a value for every knob of the card.
// Pre: a choice. Post: configuration complete; every flow of the plan names the queue on which the
// card, so configured, delivers it.
#pragma once

#include "compiler/passes/choose.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

diag::Result<void> configure(const Inputs& inputs, const Choice& choice, plan::Plan& plan);

// The rule, without an id, that brings a flow to a queue by one of the card's tables.
plan::Filter flow_rule(const Inputs& inputs, const ir::Flow& flow, const std::string& table,
                       unsigned queue);
// The same for a set of flows, or of connections. `over_endpoint`: the table has a rule for its
// endpoint as a whole, or may come to have one.
plan::Filter set_rule(const Inputs& inputs, const ir::FlowSet& set, const std::string& table,
                      unsigned queue, bool over_endpoint = true);

}  // namespace weft::passes
