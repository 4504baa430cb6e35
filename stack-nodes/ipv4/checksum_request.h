// Asks the card for the IPv4 header checksum.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct ChecksumRequest {
  static constexpr NodeDecl decl{
      .name = "ipv4.checksum_request",
      .writes = "desc.tx_ip_cksum, ipv4.checksum",
      .assigns = "desc.tx_ip_cksum = 1; ipv4.checksum = 0",
      .requires_ = "ipv4.ihl == 5",
      .meaning = "asks the card for the IPv4 header checksum; the field is 0 until then",
      .source = "DPDK RTE_MBUF_F_TX_IP_CKSUM",
  };
  static void run(Packet& p, Core&) {
    p.tx_ip_cksum = 1;
    set<field::ipv4::checksum>(p, 0);
  }
};

}  // namespace weft::nodes::ipv4
