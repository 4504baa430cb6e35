// A segment that was put together of pieces is where these met, by their addresses alone. The
// others of its connection are where the card brings them by what it hashes, ports among it.
#pragma once

#include "stack-nodes/handover/away.h"
#include "stack-nodes/handover/segment.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "weft/fields.h"

namespace weft::nodes::handover {

struct Whole {
  using Out = handover::Out;
  static constexpr NodeDecl decl{
      .name = "handover.whole",
      .ports = "here, away, full",
      .reads = "ipv4.protocol, ipv4.src, tcp.src_port, ipv4.dst, tcp.dst_port, l4.room",
      .key = "ipv4.src, tcp.src_port, ipv4.dst, tcp.dst_port",
      .spawns = "handed_segment",
      .owner = "segments",
      .meaning = "passes a segment that came in pieces to the shard that has its connection",
      .source = "DESIGN: one owner for each instance of state",
  };
  // Other datagrams stay, and what is too short for a segment is dropped here.
  static Out run(Packet& p, Core& core) {
    const bool segment = get<field::ipv4::protocol>(p) == 6 && wire::l4_room(p) >= 20;
    return segment ? Segment::run(p, core) : Out::here;
  }
};

}  // namespace weft::nodes::handover
