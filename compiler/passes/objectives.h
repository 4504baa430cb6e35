// Part of the pass "choose": a few choices are made, and the workload's order of objectives picks
// one. Those that cannot be the best are not made.
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
  bool operator==(const Alternative&) const = default;
};

// The first is the best for the load, about. Fewer cores, where the load comes first, only where
// the load of all that is expected is known.
std::vector<Alternative> ways(const ir::Workload& workload, unsigned queues, unsigned cores);

// What came of one: its figures, or why it cannot be.
using Look = std::function<diag::Result<plan::Compared>(const Alternative&)>;

struct Picked {
  Alternative way;
  std::vector<plan::Compared> compared;  // each but once, the one that was taken first
};

// What a way comes to at least, once the first has been looked at.
using Least = std::function<plan::Compared(const Alternative&)>;

// Looks at one after the other, as long as `more` says so, and at least at the first that can be;
// not at those that one was found for which is better whatever comes of them. Objective by
// objective those are left out that are worse than the best (loads and times by more than `close`).
// Errors: that of the first way, where none can be; E0276, where the order is by figures that
// nobody knows (`clock`: the machine's is known). Where the load comes first and the first way is
// refused for another reason than time (E0804), no other mends that.
inline constexpr double close = 0.02;
// By the first of them in which they differ so.
bool clearly_better(const std::vector<ir::Objective>& order, const plan::Compared& a,
                    const plan::Compared& b);
diag::Result<Picked> pick(const std::vector<ir::Objective>& order,
                          const std::vector<Alternative>& ways, bool clock, const Look& look,
                          const Least& least, const std::function<bool()>& more);

}  // namespace weft::passes
