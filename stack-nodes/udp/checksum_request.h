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
      .reads = "ipv4.src, ipv4.dst, udp.length",
      .writes = "desc.tx_l4_cksum, udp.checksum",
      .assigns = "desc.tx_l4_cksum = 1",
      .meaning = "asks the card for the UDP checksum; the field holds the pseudo header's sum",
      .source = "DPDK RTE_MBUF_F_TX_UDP_CKSUM",
  };
  static void run(Packet& p, Core&) {
    p.tx_requests |= CardRequests::udp;
    const wire::Sum sum = wire::sum_pseudo(p.data + p.l3 + field::ipv4::src.offset / 8, 17,
                                           get<field::udp::length>(p));
    set<field::udp::checksum>(p, sum.folded());
  }
};

}  // namespace weft::nodes::udp
