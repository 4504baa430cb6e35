// A segment that was put together of pieces is where these met. The others of its connection are
// where the card brings them by what it hashes, ports among it, which no later piece has.
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
      .key = "ipv4.protocol, ipv4.src, tcp.src_port, ipv4.dst, tcp.dst_port",
      .spawns = "handed_segment",
      .owner = "arrivals",
      .meaning =
          "passes a segment that came in pieces to the shard that the card would bring it to",
      .source = "DESIGN: one owner for each instance of state",
  };
  static Out run(Packet& p, Core& core) {
    const bool segment = get<field::ipv4::protocol>(p) == 6 && wire::l4_room(p) >= 4;
    const bool known = core.owners != nullptr && core.owners->arrival.known();
    const int owner =
        segment && known ? static_cast<int>(core.owners->arrival.of(Segment::key(p))) : -1;
    return pass(p, core, Slot::handed_segment, owner);
  }
};

}  // namespace weft::nodes::handover
