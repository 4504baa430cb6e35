// Whose memory packets lie in: a pool of buffers for each group of queues that carry packets of one
// trust group, and memory that processes of dedicated applications map. The runtime makes its pools
// as this says (runtime/engine/region_pools.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/buffers.h"
#include "compiler/plan/plan.h"

namespace weft::plan {

inline constexpr const char* everybodys = "everybody";

// Who may see an endpoint's packets: "trust bank"; "endpoint db", where its application has a
// process and queues of its own; else everybody.
std::string group_of(const ir::Endpoint& endpoint, ir::Placement how);
// The process of its application; "": the stack's own, or net cores'.
std::string process_of(const ir::Endpoint& endpoint, ir::Placement how);

// What a plan with these cores, residues and placements needs; empty where one pool for all queues
// will do. `groups`: by queue, whose packets it carries. `node`: of the card.
std::vector<Region> regions_for(const Plan& plan, const std::vector<std::string>& groups,
                                std::optional<unsigned> node);

// One for each pool of buffers, those of plans that say nothing, too.
std::vector<Region> receive_regions(const Plan& plan);
// Null: nobody's.
const Region* find_region(const std::vector<Region>& regions, Region::Kind kind,
                          const std::string& name);
// Where an endpoint's application is; one that the plan says nothing of runs to completion.
Placed placed(const Plan& plan, unsigned endpoint);

// How the pool of a region is made: the plan's number of buffers.
PoolSizes pool_of(const Plan& plan, const Region& receive, BufferUse use = {});
std::size_t bytes_of(const Plan& plan, const Region& region);
// All of them, and what EAL needs beside them.
std::size_t megabytes_for(const Plan& plan, BufferUse use = {});

// "receive"
const char* to_string(Region::Kind kind);

}  // namespace weft::plan
