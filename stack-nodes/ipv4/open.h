// Finds the transport header and the end of the datagram.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct Open {
  static constexpr NodeDecl decl{
      .name = "ipv4.open",
      .reads = "ipv4.ihl, ipv4.total_length",
      .writes = "l4.room",
      .assigns = "l4.room = ipv4.total_length - (ipv4.ihl << 2)",
      .requires_ =
          "l3.room >= 20 && ipv4.ihl >= 5 && ipv4.total_length >= (ipv4.ihl << 2) && "
          "ipv4.total_length <= l3.room",
      .expects = "ipv4.ihl == 5",
      .meaning = "opens the IPv4 datagram; what follows it in the frame is padding",
      .source = "RFC 791 section 3.1",
  };
  static void run(Packet& p, Core&) {
    p.l4 = static_cast<std::uint16_t>(p.l3 + (get<field::ipv4::ihl>(p) << 2));
    p.end = std::uint32_t{p.l3} + get<field::ipv4::total_length>(p);
  }
};

}  // namespace weft::nodes::ipv4
