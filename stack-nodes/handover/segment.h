// All segments of a connection meet on one shard, whatever queues they arrived on. By ports, too,
// so that the connections of one peer are spread, and who opens one can pick a port whose shard it
// is.
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
      .reads = "ipv4.src, tcp.src_port, ipv4.dst, tcp.dst_port",
      .requires_ = "l4.room >= 20",
      .key = "ipv4.src, tcp.src_port, ipv4.dst, tcp.dst_port",
      .spawns = "handed_segment",
      .owner = "segments",
      .meaning = "passes a segment to the shard that has its connection",
      .source = "DESIGN: one owner for each instance of state",
  };
  static FlowKey key(const Packet& p) {
    return {get<field::ipv4::src>(p), get<field::ipv4::dst>(p), get<field::tcp::src_port>(p),
            get<field::tcp::dst_port>(p)};
  }
  static Out run(Packet& p, Core& core) {
    const int owner = core.owners == nullptr ? -1 : core.owners->of_connection(key(p));
    return pass(p, core, Slot::handed_segment, owner);
  }
};

}  // namespace weft::nodes::handover
