// Asks the card for the TCP checksum.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::tcp {

struct ChecksumRequest {
  static constexpr NodeDecl decl{
      .name = "tcp.checksum_request",
      .reads = "ipv4.src, ipv4.dst, l4.room, desc.tx_segment, meta.segment",
      .writes = "desc.tx_tcp_cksum, tcp.checksum",
      .assigns = "desc.tx_tcp_cksum = 1",
      .meaning =
          "asks the card for the TCP checksum; the field holds the pseudo header's sum, "
          "without a length where the card cuts",
      .source = "DPDK RTE_MBUF_F_TX_TCP_CKSUM, RTE_MBUF_F_TX_TCP_SEG",
  };
  static void run(Packet& p, Core&) {
    const auto length = static_cast<std::uint16_t>(is_cut_by_card(p) ? 0 : wire::l4_room(p));
    p.tx_requests |= CardRequests::tcp;
    const wire::Sum sum = wire::sum_pseudo(p.data + p.l3 + field::ipv4::src.offset / 8, 6, length);
    set<field::tcp::checksum>(p, sum.folded());
  }
};

}  // namespace weft::nodes::tcp
