#include "compiler/plan/buffers.h"

#include <algorithm>

namespace weft::plan {

namespace {

constexpr unsigned per_queue = 2 * 1024;   // descriptors of a real port, receive and transmit
constexpr unsigned between_buffers = 128;  // what a pool puts around each
constexpr unsigned short_frame = 2048;
constexpr unsigned described = 16128;     // 16 KiB is what any descriptor describes
constexpr unsigned most_of_mbuf = 65280;  // it counts its bytes in 16 bits, headroom included

}  // namespace

std::size_t buffer_bytes(unsigned bytes) {
  return std::size_t{bytes} + headroom + described_by + between_buffers;
}

std::size_t PoolSizes::bytes() const {
  return frames * buffer_bytes(frame_bytes) + jumbo * buffer_bytes(jumbo_bytes) +
         cut * buffer_bytes(cut_bytes) + large * std::size_t{large_bytes + between_buffers};
}

std::size_t megabytes_of(std::size_t bytes) {
  // EAL's own tables, rings of the card and of handovers, and what the allocator wastes.
  return 64 + (bytes + bytes / 4) / (1024 * 1024);
}

bool card_cuts(const Plan& plan) {
  return !plan.residues.empty() &&
         std::all_of(plan.residues.begin(), plan.residues.end(), [](const Residue& residue) {
           const ir::Graph& graph = residue.graph;
           auto [v, end] = vertices(graph.g);
           return std::any_of(
               v, end, [&](ir::Vertex u) { return graph.node(u).impl == "tcp.segment_request"; });
         });
}

namespace {

PoolSizes sizes_of(const Plan& plan, unsigned queues, unsigned cores, BufferUse use) {
  PoolSizes sizes;
  // Applications hold up to 1024 buffers, and the neighbour table some, on every core; a wire's
  // ring holds 1024.
  sizes.frames =
      4095 + per_queue * queues + (1024 + waiting_for_neighbours + 2 * per_core_cache) * cores;
  // With tags, and what a packet socket's ring puts before a frame (ports/vdev.cc).
  const unsigned frame = (plan.host.mtu + 14u + 8u + 96u + 255) / 256 * 256;
  sizes.frame_bytes = std::max(short_frame, frame);
  if (use.scatters && frame > short_frame) {
    sizes.frame_bytes = short_frame;
    sizes.jumbo = (1024 + waiting_for_neighbours + 2 * per_core_cache) * cores;
    sizes.jumbo_bytes = frame;
  }
  sizes.large = 64 * std::max(1u, cores);
  if (card_cuts(plan)) {  // what waits in a ring, and under way
    sizes.cut = use.kernel_cuts ? 63 + 64 * queues : 511 + 512 * queues;
    sizes.cut_bytes = use.kernel_cuts ? most_of_mbuf : described;
  }
  return sizes;
}

}  // namespace

PoolSizes sizes_for(const Plan& plan, BufferUse use) {
  return sizes_of(plan, std::max(plan.configuration.rx_queues, plan.configuration.tx_queues),
                  static_cast<unsigned>(plan.cores.size()), use);
}

PoolSizes sizes_for(const Plan& plan, const std::vector<unsigned>& queues, BufferUse use) {
  const auto has = [&](unsigned q) {
    return std::find(queues.begin(), queues.end(), q) != queues.end();
  };
  const auto cores = std::count_if(plan.cores.begin(), plan.cores.end(), [&](const NetCore& core) {
    return std::any_of(core.queues.begin(), core.queues.end(), has);
  });
  // (Queues that only send are with the first one that receives.)
  const Configuration& card = plan.configuration;
  const unsigned only_send =
      has(0) && card.tx_queues > card.rx_queues ? card.tx_queues - card.rx_queues : 0;
  return sizes_of(plan, static_cast<unsigned>(queues.size()) + only_send,
                  static_cast<unsigned>(cores), use);
}

}  // namespace weft::plan
