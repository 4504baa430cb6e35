// Asks the card for the UDP checksum.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::udp {

struct ChecksumRequest {
  static constexpr NodeDecl decl{
      .name = "udp.checksum_request",
      .reads = "ipv4.src, ipv4.dst, l4.room",
      .writes = "desc.tx_l4_cksum, udp.checksum",
      .assigns = "desc.tx_l4_cksum = 1",
      .requires_ = "udp.length == l4.room",
      .meaning = "asks the card for the UDP checksum; the field holds the pseudo header's sum",
      .source = "DPDK RTE_MBUF_F_TX_UDP_CKSUM",
  };
  static void run(Packet& p, Core&) {
    p.tx_requests |= CardRequests::udp;
    const std::uint8_t* const l3 = header_at<field::Layer::l3>(p);
    const std::uint32_t src = get<field::ipv4::src>(l3), dst = get<field::ipv4::dst>(l3);
    set<field::udp::checksum>(p, wire::folded(std::uint64_t{src} + dst + 17 + wire::l4_room(p)));
  }
};

}  // namespace weft::nodes::udp
