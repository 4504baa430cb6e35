// Where packets lie: buffers for nodes that make some, and copies where they lie wrong.
#include "runtime/engine/shard.h"

#include <cstring>

#include "runtime/engine/frames.h"

namespace weft::engine {

// Nodes want a frame in one piece; drivers chain buffers for what is longer than one.
bool Shard::readable(rte_mbuf*& m) {
  rte_mbuf* whole = pools_.mbuf(m->pkt_len);
  if (whole == nullptr) {
    ++counters.unreadable;
    rte_pktmbuf_free(m);
    return false;
  }
  char* to = rte_pktmbuf_append(whole, static_cast<std::uint16_t>(m->pkt_len));
  for (const rte_mbuf* segment = m; segment != nullptr; segment = segment->next) {
    std::memcpy(to, rte_pktmbuf_mtod(segment, const char*), segment->data_len);
    to += segment->data_len;
  }
  whole->ol_flags = m->ol_flags & ~(RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT);
  whole->hash = m->hash;
  rte_pktmbuf_free(m);
  m = whole;
  ++counters.linearised;
  return true;
}

// Null: the packet was dropped and counted.
Frame* Shard::copy_out(Packet& p) {
  rte_mbuf* m = pools_.mbuf(p.len);
  if (m == nullptr) {
    ++counters.transmit_unfit;
    core.release(p);
    return nullptr;
  }
  std::memcpy(rte_pktmbuf_mtod(m, void*), p.data, p.len);
  core.release(p);
  p.buffer = m;
  p.data = rte_pktmbuf_mtod(m, std::uint8_t*);
  ++counters.copied_out;
  return frames_of(&m)[0];
}

bool Shard::allocate(Packet& p, std::uint32_t room) {
  if (room <= frame_room_) {
    if (rte_mbuf* m = pools_.mbuf(room)) {
      taken_from_pool(m);
      p.buffer = m;
      p.data = rte_pktmbuf_mtod(m, std::uint8_t*);
      p.len = 0;
      fence(p.data + room, rte_pktmbuf_tailroom(m) - room);
      return true;
    }
  } else if (void* object = nullptr;
             room <= LargeBuffer::room && rte_mempool_get(pools_.large, &object) == 0) {
    auto* large = static_cast<LargeBuffer*>(object);
    taken_from_pool(large);
    p.buffer = tagged(large);
    p.data = large->bytes + LargeBuffer::headroom;
    p.len = 0;
    fence(large->bytes, sizeof(large->bytes));
    open_fence(large->bytes, LargeBuffer::headroom + room);
    return true;
  }
  ++counters.no_buffer;
  return false;
}

}  // namespace weft::engine
