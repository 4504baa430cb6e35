// How many packet buffers a plan needs, and how much memory that is: the runtime makes them so.
#pragma once

#include <cstddef>

#include "compiler/plan/plan.h"

namespace weft::plan {

// What the runtime's buffers are made of (runtime/engine/pools.cc holds DPDK to it).
inline constexpr unsigned headroom = 128;      // in front of each frame
inline constexpr unsigned described_by = 128;  // bytes about each
inline constexpr unsigned large_bytes = 65728;
inline constexpr unsigned waiting_for_neighbours = 512;
inline constexpr unsigned per_core_cache = 256;

struct PoolSizes {
  unsigned frames = 0;       // mbufs
  unsigned frame_bytes = 0;  // of each, behind the headroom
  unsigned jumbo = 0;        // mbufs for frames that are longer than those
  unsigned jumbo_bytes = 0;  // of each
  unsigned large = 0;        // large buffers
  unsigned cut = 0;          // mbufs for what the card cuts into segments
  unsigned cut_bytes = 0;    // of each
  std::size_t bytes() const;
};
// That EAL needs for so many bytes of buffers, other things included.
std::size_t megabytes_of(std::size_t bytes);
// Bytes of one buffer, with what describes it.
std::size_t buffer_bytes(unsigned bytes);
// Does the card cut what connections send? (All residues leave it to the card, or none.)
bool card_cuts(const plan::Plan& plan);

// What the card does with buffers.
struct BufferUse {
  // It spreads long frames over several, so that those in its rings may be short ones.
  bool scatters = false;
  // The kernel cuts what connections send (ports/packet_offload.h): it takes as much as IPv4 can
  // say, and has copied it when the call returns.
  bool kernel_cuts = false;
};
// Rings of all queues, batches under way, what applications and tables may hold.
PoolSizes sizes_for(const plan::Plan& plan, BufferUse use = {});
// The same of some queues, and of the cores that run them.
PoolSizes sizes_for(const plan::Plan& plan, const std::vector<unsigned>& queues,
                    BufferUse use = {});

}  // namespace weft::plan
