// A datagram that missed here may belong to a flow whose entry another shard has.
#pragma once

#include "stack-nodes/handover/away.h"
#include "stack-nodes/node.h"
#include "stack-nodes/udp/find_flow.h"

namespace weft::nodes::handover {

struct Flow {
  using Out = handover::Out;
  static constexpr NodeDecl decl{
      .name = "handover.flow",
      .ports = "here, away, full",
      .reads = "ipv4.src, udp.src_port, ipv4.dst, udp.dst_port",
      .requires_ = "l4.room >= 8",
      .key = "ipv4.src, udp.src_port, ipv4.dst, udp.dst_port",
      .spawns = "handed_flow",
      .owner = "udp_flows",
      .meaning = "passes a flow's datagram to the shard that has the flow's entry",
      .source = "DESIGN: one owner for each instance of state",
  };
  static Out run(Packet& p, Core& core) {
    const int owner = core.owners == nullptr ? -1 : core.owners->of_flow(udp::FindFlow::key(p));
    return pass(p, core, Slot::handed_flow, owner);
  }
};

}  // namespace weft::nodes::handover
