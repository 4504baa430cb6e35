// The work on one packet, written by hand over mbufs, in the pieces that the hand-fused loop and
// the librte_graph nodes share. The checks are those of graphs/host_udp_ipv4.yaml.
#pragma once

#include <rte_mbuf.h>

#include "stack-nodes/core.h"
#include "stack-nodes/wire/checksum.h"

namespace weft::bench {

inline std::uint8_t* frame(rte_mbuf* m) { return rte_pktmbuf_mtod(m, std::uint8_t*); }

inline bool ethernet_ok(const Core& core, const rte_mbuf* m, const std::uint8_t* f) {
  if (m->data_len < 14 || (f[6] & 1) != 0) return false;
  const std::uint64_t to = wire::load48(f);
  if (to != core.host.mac && to != 0xffffffffffff) return false;
  return wire::load16(f + 12) == 0x0800 && core.host.vlan_id == 0;  // untagged, IPv4
}

inline bool ipv4_ok(const Core& core, const rte_mbuf* m, const std::uint8_t* f) {
  const std::uint8_t* ip = f + 14;
  const unsigned room = m->data_len - 14u;
  if (room < 20 || ip[0] != 0x45) return false;  // options are for the slow path
  const unsigned total = wire::load16(ip + 2);
  if (total < 20 || total > room) return false;
  const std::uint32_t src = wire::load32(ip + 12), dst = wire::load32(ip + 16);
  if (src >> 29 == 7 || src >> 24 == 127 || src >> 24 == 0) return false;
  if (src == core.host.address || src == core.host.broadcast) return false;
  if (wire::sum_ipv4_20(ip).folded() != 0xffff) return false;
  if (dst != core.host.address || wire::load48(f) != core.host.mac) return false;
  return (wire::load16(ip + 6) & 0x3fff) == 0 && ip[9] == 17;
}

inline bool udp_fits(const std::uint8_t* f) {
  const unsigned room = wire::load16(f + 16) - 20u;
  if (room < 8) return false;
  const unsigned length = wire::load16(f + 38);
  return length >= 8 && length <= room;
}

inline bool udp_sum_ok(const std::uint8_t* f) {
  const unsigned length = wire::load16(f + 38);
  if (wire::load16(f + 40) == 0) return true;
  auto sum = wire::sum_pseudo(f + 26, 17, static_cast<std::uint16_t>(length));
  sum.add(f + 34, length);
  return sum.folded() == 0xffff;
}

inline bool udp_ok(const std::uint8_t* f) { return udp_fits(f) && udp_sum_ok(f); }

// What is left of all that behind a card that lets only flows of the workload into the queue, marks
// them and checks sums: the conditions of the residue, for which the card has no word.
inline bool left_by_card(const Core& core, const rte_mbuf* m, const std::uint8_t* f) {
  if ((f[6] & 1) != 0 || wire::load16(f + 12) == 0x8100 || core.host.vlan_id != 0) return false;
  const std::uint8_t* ip = f + 14;
  if (ip[0] != 0x45) return false;
  const unsigned total = wire::load16(ip + 2);
  if (total < 20 || total > m->data_len - 14u) return false;
  if (wire::load32(ip + 16) != core.host.address || wire::load48(f) != core.host.mac) return false;
  if (!udp_fits(f)) return false;
  constexpr std::uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  constexpr std::uint64_t all = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
  return (m->ol_flags & all) == good || (wire::sum_ipv4_20(ip).folded() == 0xffff && udp_sum_ok(f));
}

inline FlowKey flow_key(const std::uint8_t* f) {
  return {wire::load32(f + 26), wire::load32(f + 30), wire::load16(f + 34), wire::load16(f + 36)};
}

// The echo's answer in the same buffer: new UDP and IPv4 headers with full checksums, or, where the
// card fills them in, with what it wants to find there.
template <bool by_card = false>
inline bool reply(Core& core, std::uint8_t* f) {
  const std::uint16_t length = wire::load16(f + 38);
  const unsigned len = 34u + length;
  if (len > core.host.mtu + 14u) return false;
  const std::uint32_t dst = wire::load32(f + 26);
  const std::uint16_t src_port = wire::load16(f + 36), dst_port = wire::load16(f + 34);
  wire::store16(f + 34, src_port);
  wire::store16(f + 36, dst_port);
  wire::store16(f + 38, length);
  wire::store16(f + 40, 0);
  wire::store32(f + 14, 0x45000000 | (20u + length));
  wire::store16(f + 18, core.random.next16());
  wire::store16(f + 20, 0);
  wire::store32(f + 22, 0x40110000);
  wire::store32(f + 26, core.host.address);
  wire::store32(f + 30, dst);
  auto sum = wire::sum_pseudo(f + 26, 17, length);
  if (by_card) {
    wire::store16(f + 40, sum.folded());
    return true;
  }
  sum.add(f + 34, length);
  const std::uint16_t checksum = sum.checksum();
  wire::store16(f + 40, checksum != 0 ? checksum : 0xffff);
  wire::store16(f + 24, wire::sum_ipv4_20(f + 14).checksum());
  return true;
}

// Route, neighbour, Ethernet header.
template <bool by_card = false>
inline bool forward(Core& core, rte_mbuf* m, std::uint8_t* f) {
  const std::uint32_t hop = core.routes.lookup(wire::load32(f + 30));
  if (hop == 0 || wire::load16(f + 16) > core.host.mtu) return false;
  const std::uint64_t mac = core.neighbours.at_once(hop);
  if (mac == 0) return false;
  wire::store48(f, mac);
  wire::store48(f + 6, core.host.mac);
  wire::store16(f + 12, 0x0800);
  const std::uint16_t len = static_cast<std::uint16_t>(14 + wire::load16(f + 16));
  m->data_len = len;
  m->pkt_len = len;
  m->ol_flags = 0;
  if (by_card) {
    m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM;
    m->tx_offload = 14 | 20 << RTE_MBUF_L2_LEN_BITS;
  }
  return true;
}

}  // namespace weft::bench
