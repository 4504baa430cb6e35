// Part of the pass "choose": who shares queues with whom.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

// Who shares queues. Zone 0 is everybody's; packets that no rule matches arrive there. Another
// zone's queues are reached by rules alone.
struct Zone {
  std::string name;  // "everybody", "gold", "endpoint db", "trust bank", "core 1"
  bool gold = false;
  std::set<unsigned> pinned;      // these queues, where somebody says so
  std::optional<unsigned> core;   // run by this core
  std::vector<unsigned> classes;  // indexes
  diag::Span span;                // the line that asks for it
  std::string group;              // whose packets its queues carry (plan/memory.h)
};

// The zone of an endpoint's flows of one priority; "everybody" where nobody asks for more.
std::string zone_name(const ir::Workload& workload, const ir::Endpoint& endpoint, bool gold);
inline constexpr const char* everybody = "everybody";

// Where its application runs: as it wishes, else on the net core.
ir::Placement how_of(const ir::Endpoint& endpoint);
// Whose packets lie where its own do (plan/memory.h).
std::string group_of(const ir::Endpoint& endpoint);

}  // namespace weft::passes
