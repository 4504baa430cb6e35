// Part of the pass "choose": the choice beside a plan that runs. What can stay as it is stays.
#pragma once

#include <optional>

#include "compiler/passes/choose.h"

namespace weft::passes {

// Flows that are still wanted stay where they are, those that are not free their rules, new ones
// get places from counters (choose_delta.h), and a few move, as long as that helps. Switches, key,
// table, zones, cores and rules of endpoints are those of `running`. nullopt: something is asked
// for that needs others, and a fresh choice is due.
std::optional<Choice> choose_beside(const Inputs& inputs, const Options& options,
                                    const plan::Plan& running);

// A fresh choice with the key and the cores of `running`, which cannot change: flows, rules of
// prefixes, zones and the table are chosen anew. nullopt: it needs other queues, cores or switches.
std::optional<Choice> choose_upon(const Inputs& inputs, const Options& options,
                                  const plan::Plan& running);

}  // namespace weft::passes
