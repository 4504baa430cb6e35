// Packet buffers. Frames live in mbufs; datagrams put together from fragments, which may have 64
// KiB (more than an mbuf can describe), live in large buffers of their own.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "compiler/diag/diagnostic.h"
#include "compiler/plan/buffers.h"
#include "runtime/engine/fence.h"
#include "runtime/engine/pool_order.h"

namespace weft::engine {

// An mbuf that leaves the stack: a card, a driver or the next owner may use all of it.
inline void open_fences(const rte_mbuf* m) { open_fence(m->buf_addr, m->buf_len); }

// What Packet::buffer is: an mbuf, or a large buffer, told apart by the lowest bit.
struct LargeBuffer {
  static constexpr std::uint32_t headroom = 128;
  static constexpr std::uint32_t room = 65536 + 64;  // a datagram of 65,535 bytes, and its frame
  alignas(64) std::uint8_t bytes[headroom + room];
};
inline bool is_large(const void* buffer) {
  return (reinterpret_cast<std::uintptr_t>(buffer) & 1) != 0;
}
inline void* tagged(LargeBuffer* b) { return reinterpret_cast<std::uint8_t*>(b) + 1; }
inline LargeBuffer* untagged(void* buffer) {
  return reinterpret_cast<LargeBuffer*>(static_cast<std::uint8_t*>(buffer) - 1);
}

using plan::PoolSizes;
using plan::sizes_for;

class Pools {
 public:
  // On the NUMA node `node` if it has the memory, else on any.
  // Errors: E0650, no memory (says how much was wanted).
  static diag::Result<std::unique_ptr<Pools>> make(const std::string& name, PoolSizes sizes,
                                                   std::optional<unsigned> node = {});
  ~Pools();
  Pools(const Pools&) = delete;
  Pools& operator=(const Pools&) = delete;

  rte_mempool* frames = nullptr;
  rte_mempool* large = nullptr;
  rte_mempool* cut = nullptr;    // null: no card cuts
  rte_mempool* jumbo = nullptr;  // null: frames are as long as any

  // For one frame in one piece; null when there is none, or none so long.
  rte_mbuf* mbuf(std::uint32_t room) {
    if (room <= frame_room_) return rte_pktmbuf_alloc(frames);
    return room <= longest_ && jumbo != nullptr ? rte_pktmbuf_alloc(jumbo) : nullptr;
  }
  // For what the card cuts, up to cut_bytes(); null when there is none.
  rte_mbuf* mbuf_to_cut() { return cut != nullptr ? rte_pktmbuf_alloc(cut) : nullptr; }
  std::uint32_t cut_bytes() const { return cut_bytes_; }
  // Bytes of the longest frame in one piece.
  std::uint32_t longest() const { return longest_; }
  // What wires and cards copy into.
  rte_mempool* longest_frames() const { return jumbo != nullptr ? jumbo : frames; }

  void free(void* buffer) {
    given_to_pool(is_large(buffer) ? untagged(buffer) : buffer);
    if (is_large(buffer)) {
      LargeBuffer* b = untagged(buffer);
      fence(b->bytes, sizeof(b->bytes));
      rte_mempool_put(rte_mempool_from_obj(b), b);  // (it may be of another region)
    } else {
      open_fences(static_cast<rte_mbuf*>(buffer));
      rte_pktmbuf_free(static_cast<rte_mbuf*>(buffer));
    }
  }
  // Buffers that are not in the pools: 0 when everything was given back.
  unsigned in_use() const;

 private:
  Pools() = default;
  // Null: no memory there.
  static std::unique_ptr<Pools> made_on(int socket, const std::string& name, PoolSizes sizes);
  std::uint32_t frame_room_ = 0, longest_ = 0, cut_bytes_ = 0;
};

}  // namespace weft::engine
