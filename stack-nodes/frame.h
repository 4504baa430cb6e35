// The buffer of a frame, as far as the ways into and out of the graph look at it: the first fields
// of DPDK's rte_mbuf under names of weft's own, so that generated code takes frames in and fills
// them for the card without a call. runtime/engine/frames.h holds every offset and every flag
// against DPDK's header. Nodes do not look into it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stack-nodes/packet.h"

namespace weft {

// (may_alias: the engine and drivers see the same memory as an rte_mbuf.)
struct [[gnu::may_alias]] Frame {
  std::uint8_t* memory;  // the bytes begin at memory + offset
  std::uint64_t bus_address;
  std::uint16_t offset;
  std::uint16_t references;
  std::uint16_t segments;
  std::uint16_t port;
  std::uint64_t flags;
  std::uint32_t packet_type;
  std::uint32_t length;  // of all segments
  std::uint16_t here;    // bytes in this segment
  std::uint16_t vlan;    // transmit: of the tag to be inserted
  std::uint32_t hash;
  std::uint32_t mark;  // of the filter, where `marked`
  std::uint16_t outer_vlan;
  std::uint16_t room;
  void* pool;
  Frame* next;
  std::uint64_t offload;  // transmit: header lengths, below

  // Of the flags: those of reception are CardFacts (packet.h); transmit.
  static constexpr std::uint64_t ask_ip = std::uint64_t{1} << 54;
  static constexpr std::uint64_t ask_udp = std::uint64_t{3} << 52;
  static constexpr std::uint64_t ask_tcp = std::uint64_t{1} << 52;
  static constexpr std::uint64_t ask_cut = std::uint64_t{1} << 50;
  static constexpr std::uint64_t ask_vlan = std::uint64_t{1} << 57;
  static constexpr std::uint64_t is_ipv4 = std::uint64_t{1} << 55;
  static constexpr std::uint64_t whose = std::uint64_t{3} << 61;  // whose memory it is: stays true
  static constexpr unsigned l3_shift = 7;  // in `offload`: bytes before the network header, then
                                           // those of the network header
  static constexpr unsigned l4_shift = 16, segment_shift = 24;  // where it is to be cut: those of
                                                                // the TCP header, text of a segment
};

// What Packet::buffer is: a Frame, or, with the lowest bit set, another kind of buffer that only
// the engine knows (Services::copy_out).
inline bool in_frame(const Packet& p) {
  return (reinterpret_cast<std::uintptr_t>(p.buffer) & 1) == 0;
}

// A frame of one segment, as it came from the card.
inline Packet received(Frame& f) {
  Packet p;
  p.data = f.memory + f.offset;
  p.len = f.here;
  p.facts = static_cast<std::uint16_t>(f.flags);
  p.mark = f.mark;
  p.buffer = &f;
  return p;
}

// The packet, which lies in frame `f`, for the card. The nodes that asked for checksums have filled
// the fields as the card wants them.
inline void describe(const Packet& p, Frame& f) {
  f.offset = static_cast<std::uint16_t>(p.data - f.memory);
  f.here = static_cast<std::uint16_t>(p.len);
  f.length = p.len;
  std::uint64_t flags = f.flags & Frame::whose;
  constexpr std::uint8_t of_sums = CardRequests::udp | CardRequests::tcp | CardRequests::cut;
  if ((p.tx_ip_cksum | (p.tx_requests & of_sums)) != 0) {
    flags |= Frame::is_ipv4;
    if (p.tx_ip_cksum != 0) flags |= Frame::ask_ip;
    if (asks_udp(p)) flags |= Frame::ask_udp;
    f.offload = p.l3 | static_cast<std::uint64_t>(p.l4 - p.l3) << Frame::l3_shift;
    if (asks_tcp(p)) flags |= Frame::ask_tcp;
    if (is_cut_by_card(p)) [[unlikely]] {
      flags |= Frame::ask_cut;
      const auto header = static_cast<std::uint64_t>(p.data[p.l4 + 12] >> 4) * 4;
      f.offload |= header << Frame::l4_shift | std::uint64_t{p.segment} << Frame::segment_shift;
    }
  }
  if (asks_vlan(p)) {
    flags |= Frame::ask_vlan;
    f.vlan = p.vlan_id;
  }
  f.flags = flags;
}

// A copy of what describe() looks at: nothing else of the packet needs to be kept up to there.
inline Packet for_card(const Packet& p) {
  return {.data = p.data,
          .len = p.len,
          .l3 = p.l3,
          .l4 = p.l4,
          .segment = p.segment,
          .tx_ip_cksum = p.tx_ip_cksum,
          .tx_requests = p.tx_requests,
          .vlan_id = p.vlan_id,
          .buffer = p.buffer};
}

// Frames on their way to the card, in their order.
struct FrameList {
  static constexpr unsigned capacity = 64;
  Frame* frames[capacity];
  unsigned count = 0;
};

}  // namespace weft
