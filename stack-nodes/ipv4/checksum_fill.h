// Computes the checksum of an IPv4 header without options.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct ChecksumFill {
  static constexpr NodeDecl decl{
      .name = "ipv4.checksum_fill",
      .reads =
          "ipv4.version, ipv4.ihl, ipv4.dscp, ipv4.ecn, ipv4.total_length, ipv4.id, "
          "ipv4.reserved, ipv4.dont_fragment, ipv4.more_fragments, ipv4.fragment_offset, "
          "ipv4.ttl, ipv4.protocol, ipv4.src, ipv4.dst",
      .writes = "ipv4.checksum",
      .requires_ = "ipv4.ihl == 5",
      .meaning = "writes the IPv4 header checksum",
      .source = "RFC 791 section 3.1; RFC 1071",
  };
  static void run(Packet& p, Core&) {
    std::uint8_t* const header = header_at<field::Layer::l3>(p);
    set<field::ipv4::checksum>(header, wire::sum_ipv4_20_beside_checksum(header).checksum());
  }
};

}  // namespace weft::nodes::ipv4
