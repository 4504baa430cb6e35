// Where connections are too many for a cache, those of a burst are asked for before the first
// segment is looked at: memory answers all of them in the time of one. A hint: what is not plain is
// passed over, and nothing is decided here.
#pragma once

#include <rte_mbuf.h>

#include <array>

#include "stack-nodes/tcp/machine/stack.h"
#include "stack-nodes/wire/bytes.h"

namespace weft::engine {

// (g++ leaves out calls of what does nothing else than to prefetch: hence all in one function, with
// something in it that it does not look into.)
template <std::size_t most>
[[gnu::flatten]] void prefetch_connections(const std::array<rte_mbuf*, most>& frames, unsigned n,
                                           const tcp::Tcp& tcp) {
  asm volatile("");
  constexpr unsigned least = 14 + 20 + 20, tag = 4;  // bytes
  std::array<std::uint32_t, most> hashes;
  unsigned segments = 0;
  for (unsigned i = 0; i < n; ++i) {
    if (frames[i]->data_len < least) continue;
    const auto* type = rte_pktmbuf_mtod_offset(frames[i], const std::uint8_t*, 12);
    if (wire::load16(type) == 0x8100 && frames[i]->data_len >= least + tag) type += tag;
    const std::uint8_t* ip = type + 2;
    const bool plain = wire::load16(type) == 0x0800 && ip[0] == 0x45 && ip[9] == 6 &&
                       (wire::load16(ip + 6) & 0x1fff) == 0;
    if (!plain) continue;
    hashes[segments++] = tcp.prefetch({tcp::Address::v4(wire::load32(ip + 16)),
                                       tcp::Address::v4(wire::load32(ip + 12)),
                                       wire::load16(ip + 22), wire::load16(ip + 20)});
  }
  for (unsigned i = 0; i < segments; ++i) tcp.prefetch_connection(hashes[i]);
}

}  // namespace weft::engine
