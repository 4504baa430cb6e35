#include "runtime/engine/pools.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include <algorithm>

#include "stack-nodes/table/neighbour_table.h"

namespace weft::engine {
// compiler/plan/buffers.cc counts with them.
static_assert(RTE_PKTMBUF_HEADROOM == plan::headroom && sizeof(rte_mbuf) == plan::described_by &&
              sizeof(LargeBuffer) == plan::large_bytes &&
              NeighbourTable::held_in_all == plan::waiting_for_neighbours);

diag::Result<std::unique_ptr<Pools>> Pools::make(const std::string& name, PoolSizes sizes,
                                                 std::optional<unsigned> node) {
  std::unique_ptr<Pools> pools;
  if (node) pools = made_on(static_cast<int>(*node), name, sizes);
  if (!pools) pools = made_on(SOCKET_ID_ANY, name, sizes);
  if (!pools)
    return diag::fail(diag::Diagnostic{
        .code = "E0650",
        .message = fmt::format("no memory for packet buffers ({} MB wanted): {}",
                               plan::megabytes_of(sizes.bytes()), rte_strerror(rte_errno)),
        .help = "give the machine more memory or huge pages, or compile for fewer queues"});
  return pools;
}

std::unique_ptr<Pools> Pools::made_on(int socket, const std::string& name, PoolSizes sizes) {
  std::unique_ptr<Pools> pools(new Pools);
  pools->frames = rte_pktmbuf_pool_create(
      (name + "_frames").c_str(), sizes.frames, std::min(plan::per_core_cache, sizes.frames / 4), 0,
      static_cast<std::uint16_t>(sizes.frame_bytes + RTE_PKTMBUF_HEADROOM), socket);
  if (pools->frames != nullptr && sizes.jumbo != 0) {
    pools->jumbo = rte_pktmbuf_pool_create(
        (name + "_jumbo").c_str(), sizes.jumbo, std::min(plan::per_core_cache, sizes.jumbo / 4), 0,
        static_cast<std::uint16_t>(sizes.jumbo_bytes + RTE_PKTMBUF_HEADROOM), socket);
  }
  if (pools->frames != nullptr && sizes.cut != 0) {
    pools->cut = rte_pktmbuf_pool_create(
        (name + "_cut").c_str(), sizes.cut, std::min(64u, sizes.cut / 4), 0,
        static_cast<std::uint16_t>(sizes.cut_bytes + RTE_PKTMBUF_HEADROOM), socket);
  }
  const bool complete = pools->frames != nullptr && (sizes.jumbo == 0 || pools->jumbo != nullptr) &&
                        (sizes.cut == 0 || pools->cut != nullptr);
  pools->frame_room_ = sizes.frame_bytes;
  pools->cut_bytes_ = sizes.cut_bytes;
  pools->longest_ = std::max(sizes.frame_bytes, sizes.jumbo_bytes);
  if (complete)
    pools->large = rte_mempool_create((name + "_large").c_str(), sizes.large, sizeof(LargeBuffer),
                                      0, 0, nullptr, nullptr, nullptr, nullptr, socket, 0);
  if (pools->large == nullptr) return nullptr;
  return pools;
}

// The memory goes back to DPDK, which knows no fences.
Pools::~Pools() {
  if (large != nullptr)
    rte_mempool_obj_iter(
        large,
        [](rte_mempool*, void*, void* object, unsigned) {
          open_fence(object, sizeof(LargeBuffer));
        },
        nullptr);
  for (rte_mempool* pool : {frames, jumbo, cut}) {
    if (pool == nullptr) continue;
    rte_mempool_obj_iter(
        pool,
        [](rte_mempool*, void*, void* object, unsigned) {
          open_fences(static_cast<rte_mbuf*>(object));
        },
        nullptr);
  }
  rte_mempool_free(large);
  rte_mempool_free(jumbo);
  rte_mempool_free(cut);
  rte_mempool_free(frames);
}

unsigned Pools::in_use() const {
  return rte_mempool_in_use_count(frames) + rte_mempool_in_use_count(large) +
         (jumbo != nullptr ? rte_mempool_in_use_count(jumbo) : 0) +
         (cut != nullptr ? rte_mempool_in_use_count(cut) : 0);
}

}  // namespace weft::engine
