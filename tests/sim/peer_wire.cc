#include "tests/sim/peer_wire.h"

#include <rte_mbuf.h>

#include <cstring>

namespace weft::sim {

void PeerWire::send(Bytes frame, std::uint64_t after_ns) {
  frames_.emplace(clock_.now_ns + after_ns, std::move(frame));
}

void PeerWire::came(const Bytes& frame) {
  if (network_type(frame) == 0x0800 && on_datagram) on_datagram(frame);
  if (network_type(frame) != 0x0806 || get16(frame, 20) != 1) return;
  const std::uint32_t target = get32(frame, 38);
  if (target == own_address || silent.count(target) != 0) return;
  send(arp_frame(
      {.src = mac_of(target)},
      {.operation = 2, .sender_mac = mac_of(target), .sender = target, .target_mac = own_mac}));
}

std::uint16_t PeerWire::receive(rte_mbuf** frames, std::uint16_t n) {
  std::uint16_t made = 0;
  while (made < n && next_ns() <= clock_.now_ns) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) {  // lost on the wire
      frames_.erase(frames_.begin());
      continue;
    }
    const Bytes bytes = std::move(frames_.begin()->second);
    frames_.erase(frames_.begin());
    std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(bytes.size())), bytes.data(),
                bytes.size());
    frames[made++] = m;
  }
  counters_.received += made;
  return made;
}

std::uint16_t PeerWire::transmit(rte_mbuf** frames, std::uint16_t n) {
  for (unsigned i = 0; i < n; ++i) {
    const auto* data = rte_pktmbuf_mtod(frames[i], const std::uint8_t*);
    came(Bytes(data, data + frames[i]->data_len));
    rte_pktmbuf_free(frames[i]);
  }
  counters_.sent += n;
  return n;
}

}  // namespace weft::sim
