#include "runtime/engine/pools.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include <algorithm>

namespace weft::engine {
namespace {

constexpr unsigned per_queue = 2 * 1024;  // descriptors of a real port, receive and transmit
constexpr unsigned per_core_cache = 256;

}  // namespace

std::size_t PoolSizes::megabytes() const {
  const std::size_t frame = frame_bytes + RTE_PKTMBUF_HEADROOM + sizeof(rte_mbuf) + 128;
  const std::size_t bytes = frames * frame + large * (sizeof(LargeBuffer) + 128);
  // EAL's own tables, rings of the card and of handovers, and what the allocator wastes.
  return 64 + (bytes + bytes / 4) / (1024 * 1024);
}

PoolSizes sizes_for(const plan::Plan& plan) {
  const auto queues = std::max(plan.configuration.rx_queues, plan.configuration.tx_queues);
  const auto cores = static_cast<unsigned>(plan.cores.size());
  PoolSizes sizes;
  // Applications hold up to 1024 buffers and the neighbour table 256, on every core; a wire's ring
  // holds 1024.
  sizes.frames = 4095 + per_queue * queues + (1024 + 256 + 2 * per_core_cache) * cores;
  const unsigned frame = plan.host.mtu + 14u + 8u;
  sizes.frame_bytes = std::max(2048u, (frame + 127) / 128 * 128);
  sizes.large = 64 * std::max(1u, cores);
  return sizes;
}

diag::Result<std::unique_ptr<Pools>> Pools::make(const std::string& name, PoolSizes sizes) {
  std::unique_ptr<Pools> pools(new Pools);
  const int socket = SOCKET_ID_ANY;
  pools->frames = rte_pktmbuf_pool_create(
      (name + "_frames").c_str(), sizes.frames, std::min(per_core_cache, sizes.frames / 4), 0,
      static_cast<std::uint16_t>(sizes.frame_bytes + RTE_PKTMBUF_HEADROOM), socket);
  if (pools->frames != nullptr)
    pools->large = rte_mempool_create((name + "_large").c_str(), sizes.large, sizeof(LargeBuffer),
                                      0, 0, nullptr, nullptr, nullptr, nullptr, socket, 0);
  if (pools->large == nullptr)
    return diag::fail(diag::Diagnostic{
        .code = "E0650",
        .message = fmt::format("no memory for packet buffers ({} MB wanted): {}", sizes.megabytes(),
                               rte_strerror(rte_errno)),
        .help = "give the machine more memory or huge pages, or compile for fewer queues"});
  return pools;
}

Pools::~Pools() {
  rte_mempool_free(large);
  rte_mempool_free(frames);
}

unsigned Pools::in_use() const {
  return rte_mempool_in_use_count(frames) + rte_mempool_in_use_count(large);
}

}  // namespace weft::engine
