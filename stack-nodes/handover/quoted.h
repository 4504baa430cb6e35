// An ICMP error may be about a datagram of a flow that another shard has: its application hears of
// it there.
#pragma once

#include "stack-nodes/handover/away.h"
#include "stack-nodes/node.h"

namespace weft::nodes::handover {

struct Quoted {
  using Out = handover::Out;
  static constexpr NodeDecl decl{
      .name = "handover.quoted",
      .ports = "here, away, full",
      .reads = "meta.src, meta.src_port, meta.dst, meta.dst_port",
      .key = "meta.dst, meta.dst_port, meta.src, meta.src_port",
      .spawns = "handed_error",
      .owner = "udp_flows",
      .meaning = "passes an ICMP error to the shard that has the entry of the flow it is about",
      .source = "DESIGN: one owner for each instance of state; RFC 1122 section 4.1.3.3",
  };
  // What was sent is quoted: the flow's entry names the other end first.
  static Out run(Packet& p, Core& core) {
    const int owner = core.owners == nullptr
                          ? -1
                          : core.owners->of_flow({p.dst, p.src, dst_port(p), src_port(p)});
    return pass(p, core, Slot::handed_error, owner);
  }
};

}  // namespace weft::nodes::handover
