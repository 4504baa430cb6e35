// Between mbufs, as cards give and take them (runtime/ports/card.h), and the stack's packets.
#pragma once

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "runtime/engine/pools.h"
#include "stack-nodes/packet.h"
#include "stack-nodes/wire/bytes.h"

namespace weft::engine {

// DPDK's two bits for each checksum are unknown 00, good 01, bad 10, none 11 with the good bit
// first: just the order of Answer.
static_assert(RTE_MBUF_F_RX_IP_CKSUM_GOOD == 1 << 7 && RTE_MBUF_F_RX_IP_CKSUM_BAD == 1 << 4 &&
              RTE_MBUF_F_RX_IP_CKSUM_NONE == (1 << 7 | 1 << 4));
static_assert(RTE_MBUF_F_RX_L4_CKSUM_GOOD == 1 << 8 && RTE_MBUF_F_RX_L4_CKSUM_BAD == 1 << 3 &&
              RTE_MBUF_F_RX_L4_CKSUM_NONE == (1 << 8 | 1 << 3));

inline Packet packet_of(rte_mbuf* m) {
  const std::uint64_t flags = m->ol_flags;
  Packet p;
  p.data = rte_pktmbuf_mtod(m, std::uint8_t*);
  p.len = m->data_len;
  p.ip_cksum = static_cast<Answer>((flags >> 7 & 1) | (flags >> 4 & 1) << 1);
  p.l4_cksum = static_cast<Answer>((flags >> 8 & 1) | (flags >> 3 & 1) << 1);
  if ((flags & RTE_MBUF_F_RX_FDIR_ID) != 0) {
    p.mark_valid = 1;
    p.mark = m->hash.fdir.hi;
  } else if ((flags & RTE_MBUF_F_RX_RSS_HASH) != 0) {
    p.rss_hash = m->hash.rss;
  }
  p.buffer = m;
  return p;
}

// The packet's mbuf, ready for a card. The packet lies in an mbuf, not in a large buffer.
inline rte_mbuf* frame_of(const Packet& p) {
  auto* m = static_cast<rte_mbuf*>(p.buffer);
  m->data_off = static_cast<std::uint16_t>(p.data - static_cast<std::uint8_t*>(m->buf_addr));
  m->data_len = static_cast<std::uint16_t>(p.len);
  m->pkt_len = p.len;
  m->ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;  // whose memory it is stays true
  m->tx_offload = 0;
  if ((p.tx_ip_cksum | p.tx_l4_cksum) != 0) {
    auto* ip = reinterpret_cast<rte_ipv4_hdr*>(p.data + p.l3);
    m->l2_len = p.l3;
    m->l3_len = (ip->version_ihl & 15u) * 4;
    m->ol_flags |= RTE_MBUF_F_TX_IPV4;
    if (p.tx_ip_cksum != 0) {
      m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
      ip->hdr_checksum = 0;
    }
    if (p.tx_l4_cksum != 0) {
      m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
      const std::uint16_t sum = rte_ipv4_phdr_cksum(ip, 0);
      std::memcpy(p.data + p.l3 + m->l3_len + 6, &sum, 2);
    }
  }
  if (p.tx_vlan != 0) {
    m->ol_flags |= RTE_MBUF_F_TX_VLAN;
    m->vlan_tci = p.vlan_id;
  }
  return m;
}

}  // namespace weft::engine
