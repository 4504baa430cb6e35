// Which dedicated applications get their packets by copy. Who has a trust group wants queues of its
// own: then its process maps their memory and nothing is copied. Where the card cannot bring its
// packets there, or where the rules that it takes are worth more elsewhere, they share queues with
// others', and each is copied into memory of that process.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

// Is there anything to decide?
bool may_copy(const ir::Workload& workload);

struct Isolated {
  Inputs inputs;                        // `copied` of its endpoints is set
  std::map<unsigned, std::string> why;  // by endpoint that is: why it is, what would mend it
};

// What comes of a workload whose endpoints are copied as they say, or why it cannot be.
using LookAt = std::function<diag::Result<plan::Compared>(const Inputs&)>;

// Queues of its own for each group, if that can be; then for one group after the other the other
// way, as long as that is better by the load of the busiest core, and what comes before it in the
// workload's objectives. Errors: why there is no plan even with copies for all who may have them.
diag::Result<Isolated> isolate(const Inputs& inputs, const LookAt& look);

}  // namespace weft::passes
