// Verifies the checksum of an IGMP message.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/checksum.h"

namespace weft::nodes::igmp {

struct ChecksumOk {
  static constexpr NodeDecl decl{
      .name = "igmp.checksum_ok",
      .kind = Kind::test,
      .ports = "yes, no",
      .reads = "igmp.*, l4.payload, l4.room",
      .requires_ = "l4.room >= 8",
      .meaning = "the IGMP checksum is right",
      .source = "RFC 3376 section 4.1.2",
  };
  static bool run(const Packet& p, const Core&) {
    wire::Sum sum;
    sum.add(p.data + p.l4, wire::l4_room(p));
    return sum.folded() == 0xffff;
  }
};

}  // namespace weft::nodes::igmp
