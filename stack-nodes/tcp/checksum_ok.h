// Verifies the checksum of a TCP segment.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::tcp {

struct ChecksumOk {
  static constexpr NodeDecl decl{
      .name = "tcp.checksum_ok",
      .kind = Kind::test,
      .ports = "yes, no",
      .reads = "ipv4.src, ipv4.dst, tcp.*, l4.payload, l4.room",
      .requires_ = "l4.room >= 20",
      .meaning = "the TCP checksum is right",
      .source = "RFC 9293 section 3.1 (MUST-3)",
  };
  static bool run(const Packet& p, const Core&) {
    const auto length = static_cast<std::uint16_t>(wire::l4_room(p));
    wire::Sum sum = wire::sum_pseudo(p.data + p.l3 + field::ipv4::src.offset / 8, 6, length);
    sum.add(p.data + p.l4, length);
    return sum.in_memory() == 0xffff;
  }
};

}  // namespace weft::nodes::tcp
