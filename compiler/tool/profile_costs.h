// From measured cycles to a cost file: which node costs what, so that the sum over a packet's way
// is what the way was measured to take.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/graph.h"
#include "compiler/passes/pipeline.h"

namespace weft::tool {

// One plan's residue, as it ran.
struct Measured {
  const ir::Graph* residue = nullptr;
  double way = 0;                      // cycles of a datagram and its answer, generated code
  std::map<std::string, double> node;  // cycles per packet by node, interpreted
};

// `light` does less in software than `heavy`. Nodes that no packet visited keep what `known` says
// of them, scaled as the others were. Errors: E0467, what was measured does not fit together.
diag::Result<passes::Costs> costs_from(const Measured& heavy, const Measured& light,
                                       const passes::Costs& known);

// The file. `source` is one line: how and where it was measured.
std::string costs_yaml(const passes::Costs& costs, const std::string& source);

}  // namespace weft::tool
