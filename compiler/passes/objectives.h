// Pass "choose" where the workload orders its objectives: a few choices are made, and the order
// picks one. Pre: workload.objectives is not empty.
#pragma once

#include <functional>
#include <vector>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

// How to choose: net cores, queues of gold flows, filters for all flows or for wishes alone.
struct Alternative {
  unsigned cores = 0;
  unsigned gold_queues = 0;  // 0: as the load wants
  bool few_filters = false;
};

// The first is what is chosen where nobody orders anything.
std::vector<Alternative> ways(const ir::Workload& workload, unsigned queues, unsigned cores);

// What came of one: its figures, or why it cannot be.
using Look = std::function<diag::Result<plan::Compared>(const Alternative&)>;

struct Picked {
  Alternative way;
  std::vector<plan::Compared> compared;  // each but once, the one that was taken first
};

// Looks at one after the other, as long as `more` says so, and at least at the first that can be.
// Objective by objective those are left out that are worse than the best (loads and times by more
// than `close`). Errors: that of the first way, where none can be; E0276, where the order is by
// figures that nobody knows (`clock`: the machine's is known).
inline constexpr double close = 0.02;
// By the first of them in which they differ so; without an order by the load.
bool clearly_better(const std::vector<ir::Objective>& order, const plan::Compared& a,
                    const plan::Compared& b);
diag::Result<Picked> pick(const std::vector<ir::Objective>& order,
                          const std::vector<Alternative>& ways, bool clock, const Look& look,
                          const std::function<bool()>& more);

}  // namespace weft::passes
