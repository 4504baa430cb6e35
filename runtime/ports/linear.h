// What a driver takes as one packet to be sent, and making packets fit: drivers that know one
// segment only send its bytes and no others, drivers that give offsets into their own memory send
// whatever lies there (nicmodels/README.md, `limits`).
#pragma once

#include <rte_mbuf.h>

#include <atomic>
#include <cstdint>

namespace weft::ports {

struct TransmitLimits {
  unsigned segments = 65535;
  bool external_buffers = true;  // false: only bytes that lie in a buffer of a pool
};

// For one transmit queue: one core.
class Lineariser {
 public:
  // `pool` gives the buffers that packets are copied into.
  Lineariser(TransmitLimits limits, rte_mempool* pool) : limits_(limits), pool_(pool) {}
  Lineariser(Lineariser&& other) noexcept
      : limits_(other.limits_), pool_(other.pool_), copied_(other.copied()) {}

  // The packet itself, or a copy of it that the driver can send (and the packet is freed). Null
  // when there is no buffer, or none long enough: the packet is the caller's as before.
  rte_mbuf* fit(rte_mbuf* packet) {
    const bool elsewhere = (packet->ol_flags & (RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT)) != 0;
    if (packet->nb_segs <= limits_.segments && (limits_.external_buffers || !elsewhere))
      return packet;
    return copy(packet);
  }
  // Makes all of them fit, in place. Returns how many do: those from there on have not been looked
  // at, but for the first, which does not fit.
  std::uint16_t fit(rte_mbuf** packets, std::uint16_t n);

  // Packets that were copied.
  std::uint64_t copied() const { return copied_.load(std::memory_order_relaxed); }

 private:
  rte_mbuf* copy(rte_mbuf* packet);

  TransmitLimits limits_;
  rte_mempool* pool_;
  std::atomic<std::uint64_t> copied_{0};  // written by one core, read by any
};

}  // namespace weft::ports
