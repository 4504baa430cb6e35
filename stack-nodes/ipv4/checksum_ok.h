// Verifies the IPv4 header checksum.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct ChecksumOk {
  static constexpr NodeDecl decl{
      .name = "ipv4.checksum_ok",
      .kind = Kind::test,
      .ports = "yes, no",
      .reads = "ipv4.*, l3.options",
      .requires_ = "l3.room >= (ipv4.ihl << 2) && ipv4.ihl >= 5",
      .expects = "ipv4.ihl == 5",
      .meaning = "the IPv4 header checksum is right",
      .source = "RFC 1122 section 3.2.1.2; RFC 1071",
  };
  static bool run(const Packet& p, const Core&) {
    const std::uint8_t* header = p.data + p.l3;
    wire::Sum sum = wire::sum_ipv4_20(header);
    const unsigned words = get<field::ipv4::ihl>(p);
    if (words != 5) [[unlikely]]
      sum.add(header + 20, (words - 5) * 4);
    return sum.in_memory() == 0xffff;
  }
};

}  // namespace weft::nodes::ipv4
