// All segments between two hosts meet on one shard, whatever queues they arrived on.
#pragma once

#include "stack-nodes/handover/away.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::handover {

struct Segment {
  using Out = handover::Out;
  static constexpr NodeDecl decl{
      .name = "handover.segment",
      .ports = "here, away, full",
      .reads = "ipv4.src, ipv4.dst",
      .key = "ipv4.src, ipv4.dst",
      .spawns = "handed_segment",
      .owner = "datagrams",
      .meaning = "passes a segment to the shard that has its connection",
      .source = "DESIGN: one owner for each instance of state",
  };
  static Out run(Packet& p, Core& core) {
    const int owner = core.owners == nullptr ? -1
                                             : core.owners->of_datagram(get<field::ipv4::src>(p),
                                                                        get<field::ipv4::dst>(p));
    return pass(p, core, Slot::handed_segment, owner);
  }
};

}  // namespace weft::nodes::handover
