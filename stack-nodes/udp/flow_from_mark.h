// Takes the endpoint from the mark of the filter that the card matched.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"

namespace weft::nodes::udp {

// Stands for udp.find_flow where every packet was marked: marks are endpoint + 1.
struct FlowFromMark {
  static constexpr NodeDecl decl{
      .name = "udp.flow_from_mark",
      .reads = "desc.mark",
      .writes = "meta.endpoint, meta.connected",
      .assigns = "meta.endpoint = desc.mark - 1; meta.connected = 1",
      .requires_ = "desc.mark_valid == 1",
      .meaning = "the card's filter names the endpoint",
      .source = "DPDK RTE_FLOW_ACTION_TYPE_MARK",
  };
  static void run(Packet& p, Core&) {
    p.endpoint = static_cast<std::uint16_t>(p.mark - 1);
    p.connected = 1;
  }
};

}  // namespace weft::nodes::udp
