// Verifies the checksum of an ICMP message.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/checksum.h"

namespace weft::nodes::icmp {

struct ChecksumOk {
  static constexpr NodeDecl decl{
      .name = "icmp.checksum_ok",
      .kind = Kind::test,
      .ports = "yes, no",
      .reads = "icmp.*, l4.payload, l4.room",
      .requires_ = "l4.room >= 8",
      .meaning = "the ICMP checksum is right",
      .source = "RFC 792; RFC 1071",
  };
  static bool run(const Packet& p, const Core&) {
    wire::Sum sum;
    sum.add(p.data + p.l4, wire::l4_room(p));
    return sum.folded() == 0xffff;
  }
};

}  // namespace weft::nodes::icmp
