// Asks the card to cut what is larger than a segment.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"

namespace weft::nodes::tcp {

struct SegmentRequest {
  static constexpr NodeDecl decl{
      .name = "tcp.segment_request",
      .writes = "desc.tx_segment",
      .assigns = "desc.tx_segment = 1",
      .meaning = "asks the card to cut what is larger than a segment",
      .source = "DPDK RTE_MBUF_F_TX_TCP_SEG",
  };
  static void run(Packet& p, Core&) { p.tx_requests |= CardRequests::cut; }
};

}  // namespace weft::nodes::tcp
