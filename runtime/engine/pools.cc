#include "runtime/engine/pools.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include <algorithm>

#include "stack-nodes/table/neighbour_table.h"

namespace weft::engine {
namespace {

constexpr unsigned per_queue = 2 * 1024;  // descriptors of a real port, receive and transmit
constexpr unsigned per_core_cache = 256;
constexpr unsigned short_frame = 2048;
constexpr unsigned described = 16128;     // 16 KiB is what any descriptor describes
constexpr unsigned most_of_mbuf = 65280;  // it counts its bytes in 16 bits, headroom included

}  // namespace

std::size_t PoolSizes::megabytes() const {
  const std::size_t frame = frame_bytes + RTE_PKTMBUF_HEADROOM + sizeof(rte_mbuf) + 128;
  const std::size_t long_frame = jumbo_bytes + RTE_PKTMBUF_HEADROOM + sizeof(rte_mbuf) + 128;
  const std::size_t to_cut = cut_bytes + RTE_PKTMBUF_HEADROOM + sizeof(rte_mbuf) + 128;
  const std::size_t bytes =
      frames * frame + jumbo * long_frame + cut * to_cut + large * (sizeof(LargeBuffer) + 128);
  // EAL's own tables, rings of the card and of handovers, and what the allocator wastes.
  return 64 + (bytes + bytes / 4) / (1024 * 1024);
}

bool card_cuts(const plan::Plan& plan) {
  return !plan.residues.empty() &&
         std::all_of(plan.residues.begin(), plan.residues.end(), [](const plan::Residue& residue) {
           const ir::Graph& graph = residue.graph;
           auto [v, end] = vertices(graph.g);
           return std::any_of(
               v, end, [&](ir::Vertex u) { return graph.node(u).impl == "tcp.segment_request"; });
         });
}

PoolSizes sizes_for(const plan::Plan& plan, BufferUse use) {
  const auto queues = std::max(plan.configuration.rx_queues, plan.configuration.tx_queues);
  const auto cores = static_cast<unsigned>(plan.cores.size());
  PoolSizes sizes;
  // Applications hold up to 1024 buffers, and the neighbour table some, on every core; a wire's
  // ring holds 1024.
  constexpr auto waiting = static_cast<unsigned>(NeighbourTable::held_in_all);
  sizes.frames = 4095 + per_queue * queues + (1024 + waiting + 2 * per_core_cache) * cores;
  // With tags, and what a packet socket's ring puts before a frame (ports/vdev.cc).
  const unsigned frame = (plan.host.mtu + 14u + 8u + 96u + 255) / 256 * 256;
  sizes.frame_bytes = std::max(short_frame, frame);
  if (use.scatters && frame > short_frame) {
    sizes.frame_bytes = short_frame;
    sizes.jumbo = (1024 + waiting + 2 * per_core_cache) * cores;
    sizes.jumbo_bytes = frame;
  }
  sizes.large = 64 * std::max(1u, cores);
  if (card_cuts(plan)) {  // what waits in a ring, and under way
    sizes.cut = use.kernel_cuts ? 63 + 64 * queues : 511 + 512 * queues;
    sizes.cut_bytes = use.kernel_cuts ? most_of_mbuf : described;
  }
  return sizes;
}

diag::Result<std::unique_ptr<Pools>> Pools::make(const std::string& name, PoolSizes sizes) {
  std::unique_ptr<Pools> pools(new Pools);
  const int socket = SOCKET_ID_ANY;
  pools->frames = rte_pktmbuf_pool_create(
      (name + "_frames").c_str(), sizes.frames, std::min(per_core_cache, sizes.frames / 4), 0,
      static_cast<std::uint16_t>(sizes.frame_bytes + RTE_PKTMBUF_HEADROOM), socket);
  if (pools->frames != nullptr && sizes.jumbo != 0) {
    pools->jumbo = rte_pktmbuf_pool_create(
        (name + "_jumbo").c_str(), sizes.jumbo, std::min(per_core_cache, sizes.jumbo / 4), 0,
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
  if (pools->large == nullptr)
    return diag::fail(diag::Diagnostic{
        .code = "E0650",
        .message = fmt::format("no memory for packet buffers ({} MB wanted): {}", sizes.megabytes(),
                               rte_strerror(rte_errno)),
        .help = "give the machine more memory or huge pages, or compile for fewer queues"});
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
