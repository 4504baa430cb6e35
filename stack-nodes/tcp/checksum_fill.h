// Computes the checksum of a TCP segment.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::tcp {

struct ChecksumFill {
  static constexpr NodeDecl decl{
      .name = "tcp.checksum_fill",
      .reads =
          "ipv4.src, ipv4.dst, tcp.src_port, tcp.dst_port, tcp.sequence, tcp.acknowledgement, "
          "tcp.data_offset, tcp.syn, tcp.window, tcp.urgent, l4.payload, l4.room",
      .writes = "tcp.checksum",
      .meaning = "writes the TCP checksum",
      .source = "RFC 9293 section 3.1 (MUST-2)",
  };
  static void run(Packet& p, Core&) {
    std::uint8_t* const header = header_at<field::Layer::l4>(p);
    const auto length = static_cast<std::uint16_t>(wire::l4_room(p));
    set<field::tcp::checksum>(header, 0);
    wire::Sum sum = wire::sum_pseudo(p.data + p.l3 + field::ipv4::src.offset / 8, 6, length);
    sum.add(header, length);
    set<field::tcp::checksum>(header, sum.checksum());
  }
};

}  // namespace weft::nodes::tcp
