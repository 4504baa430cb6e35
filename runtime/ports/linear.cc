#include "runtime/ports/linear.h"

namespace weft::ports {

rte_mbuf* Lineariser::copy(rte_mbuf* packet) {
  const std::uint32_t length = rte_pktmbuf_pkt_len(packet);
  rte_mbuf* whole = rte_pktmbuf_alloc(pool_);
  if (whole == nullptr) return nullptr;
  if (length > rte_pktmbuf_tailroom(whole)) {
    rte_pktmbuf_free(whole);
    return nullptr;
  }
  char* to = rte_pktmbuf_append(whole, static_cast<std::uint16_t>(length));
  for (const rte_mbuf* part = packet; part != nullptr; part = part->next) {
    rte_memcpy(to, rte_pktmbuf_mtod(part, const char*), part->data_len);
    to += part->data_len;
  }
  whole->ol_flags = packet->ol_flags & ~(RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT);
  whole->tx_offload = packet->tx_offload;
  whole->vlan_tci = packet->vlan_tci;
  rte_pktmbuf_free(packet);
  copied_.store(copied() + 1, std::memory_order_relaxed);
  return whole;
}

std::uint16_t Lineariser::fit(rte_mbuf** packets, std::uint16_t n) {
  std::uint16_t good = 0;
  for (; good < n; ++good) {
    rte_mbuf* whole = fit(packets[good]);
    if (whole == nullptr) break;
    packets[good] = whole;
  }
  return good;
}

}  // namespace weft::ports
