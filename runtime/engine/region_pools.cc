#include "runtime/engine/region_pools.h"

#include <fmt/format.h>

namespace weft::engine {

diag::Result<std::unique_ptr<RegionPools>> RegionPools::make(const std::string& name,
                                                             const plan::Plan& plan,
                                                             plan::BufferUse use) {
  std::unique_ptr<RegionPools> out(new RegionPools);
  out->of_queue_.resize(plan.configuration.rx_queues);
  for (plan::Region& region : plan::receive_regions(plan)) {
    const std::size_t n = out->regions_.size();
    auto pools = Pools::make(n == 0 ? name : fmt::format("{}_r{}", name, n),
                             plan::pool_of(plan, region, use), region.node);
    if (!pools) return diag::fail(pools.error());
    for (const unsigned q : region.queues) out->of_queue_.at(q) = pools->get();
    out->regions_.push_back({std::move(region), std::move(*pools)});
  }
  // (Plans are checked before; a queue of nobody's would have no buffers at all.)
  for (Pools*& pools : out->of_queue_)
    if (pools == nullptr) pools = &out->shared();
  return out;
}

std::vector<rte_mempool*> RegionPools::filled_by_card() const {
  std::vector<rte_mempool*> out;
  if (regions_.size() == 1) return out;
  for (const Pools* pools : of_queue_) out.push_back(pools->frames);
  return out;
}

}  // namespace weft::engine
