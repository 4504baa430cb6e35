// Packet buffers by receive region: queues that carry packets of one trust group take theirs from a
// pool that no other group's queues touch. Most plans have one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compiler/plan/memory.h"
#include "runtime/engine/pools.h"

namespace weft::engine {

class RegionPools {
 public:
  // As many buffers as the plan says. Errors: E0650, no memory.
  static diag::Result<std::unique_ptr<RegionPools>> make(const std::string& name,
                                                         const plan::Plan& plan,
                                                         plan::BufferUse use = {});

  // Where what is nobody's alone is: the region of the first queue.
  Pools& shared() { return *regions_.front().pools; }
  // By queue.
  const std::vector<Pools*>& of_queues() const { return of_queue_; }
  // What a card fills, by queue; empty where one pool is for all.
  std::vector<rte_mempool*> filled_by_card() const;

  struct Made {
    plan::Region region;
    std::unique_ptr<Pools> pools;
  };
  const std::vector<Made>& regions() const { return regions_; }

 private:
  RegionPools() = default;
  std::vector<Made> regions_;
  std::vector<Pools*> of_queue_;
};

}  // namespace weft::engine
