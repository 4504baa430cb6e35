// weft::Frame is DPDK's rte_mbuf: held against DPDK's header here, field by field and flag by flag.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>

#include "runtime/engine/pools.h"
#include "stack-nodes/frame.h"

namespace weft::engine {

static_assert(offsetof(Frame, memory) == offsetof(rte_mbuf, buf_addr) &&
              offsetof(Frame, offset) == offsetof(rte_mbuf, data_off) &&
              offsetof(Frame, segments) == offsetof(rte_mbuf, nb_segs) &&
              offsetof(Frame, flags) == offsetof(rte_mbuf, ol_flags) &&
              offsetof(Frame, length) == offsetof(rte_mbuf, pkt_len) &&
              offsetof(Frame, here) == offsetof(rte_mbuf, data_len) &&
              offsetof(Frame, vlan) == offsetof(rte_mbuf, vlan_tci) &&
              offsetof(Frame, hash) == offsetof(rte_mbuf, hash.rss) &&
              offsetof(Frame, mark) == offsetof(rte_mbuf, hash.fdir.hi) &&
              offsetof(Frame, pool) == offsetof(rte_mbuf, pool) &&
              offsetof(Frame, next) == offsetof(rte_mbuf, next) &&
              offsetof(Frame, offload) == offsetof(rte_mbuf, tx_offload));
// "none" is both bits.
static_assert(CardFacts::ip.good == RTE_MBUF_F_RX_IP_CKSUM_GOOD &&
              CardFacts::ip.bad == RTE_MBUF_F_RX_IP_CKSUM_BAD &&
              (CardFacts::ip.good | CardFacts::ip.bad) == RTE_MBUF_F_RX_IP_CKSUM_NONE);
static_assert(CardFacts::l4.good == RTE_MBUF_F_RX_L4_CKSUM_GOOD &&
              CardFacts::l4.bad == RTE_MBUF_F_RX_L4_CKSUM_BAD &&
              (CardFacts::l4.good | CardFacts::l4.bad) == RTE_MBUF_F_RX_L4_CKSUM_NONE);
static_assert(CardFacts::marked == RTE_MBUF_F_RX_FDIR_ID);
static_assert(Frame::ask_ip == RTE_MBUF_F_TX_IP_CKSUM &&
              Frame::ask_udp == RTE_MBUF_F_TX_UDP_CKSUM &&
              Frame::ask_tcp == RTE_MBUF_F_TX_TCP_CKSUM &&
              Frame::ask_cut == RTE_MBUF_F_TX_TCP_SEG && Frame::ask_vlan == RTE_MBUF_F_TX_VLAN &&
              Frame::whose == (RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT) &&
              Frame::is_ipv4 == RTE_MBUF_F_TX_IPV4 && Frame::l3_shift == RTE_MBUF_L2_LEN_BITS &&
              Frame::l4_shift == Frame::l3_shift + RTE_MBUF_L3_LEN_BITS &&
              Frame::segment_shift == Frame::l4_shift + RTE_MBUF_L4_LEN_BITS);

// Arrays of pointers to the one are arrays of pointers to the other.
inline Frame** frames_of(rte_mbuf** mbufs) { return reinterpret_cast<Frame**>(mbufs); }
inline rte_mbuf** mbufs_of(Frame** frames) { return reinterpret_cast<rte_mbuf**>(frames); }

}  // namespace weft::engine
