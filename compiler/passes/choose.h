// Pass "choose": what the card does, and which flows go where. The interface is the final one;
// behind it stands a greedy chooser.
// Pre: verified graph and model. Post: every known flow has a queue; capacities, shapes, shared
// masks and RSS reach of the model hold; nothing is asked of the card that it does not have.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

struct FlowChoice {
  unsigned flow = 0;  // index into the workload's flows
  std::string table;  // where its rule goes; empty: RSS brings it
  unsigned queue = 0;
};

struct Choice {
  unsigned rx_queues = 1;
  unsigned cores = 1;
  std::map<std::string, bool> knobs;
  unsigned open_queues = 1;  // queues 0 .. open_queues-1 take what no rule matches
  std::vector<FlowChoice> flows;
};

diag::Result<Choice> choose(const Inputs& inputs, const Options& options);
std::string to_string(const Choice& choice);

}  // namespace weft::passes
