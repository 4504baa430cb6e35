// Verifies the checksum of a UDP datagram.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::udp {

struct ChecksumOk {
  static constexpr NodeDecl decl{
      .name = "udp.checksum_ok",
      .kind = Kind::test,
      .ports = "yes, no",
      .reads = "ipv4.src, ipv4.dst, udp.*, l4.payload",
      .requires_ = "l4.room >= 8 && udp.length >= 8 && udp.length <= l4.room",
      .meaning = "the UDP checksum is right, or the sender computed none",
      .source = "RFC 768; RFC 1122 section 4.1.3.4",
  };
  static bool run(const Packet& p, const Core&) {
    if (get<field::udp::checksum>(p) == 0) return true;
    const std::uint16_t length = get<field::udp::length>(p);
    wire::Sum sum = wire::sum_pseudo(p.data + p.l3 + field::ipv4::src.offset / 8, 17, length);
    sum.add(p.data + p.l4, length);
    return sum.in_memory() == 0xffff;
  }
};

}  // namespace weft::nodes::udp
