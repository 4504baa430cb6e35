// Computes the checksum of a UDP datagram.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::udp {

struct ChecksumFill {
  static constexpr NodeDecl decl{
      .name = "udp.checksum_fill",
      .reads = "ipv4.src, ipv4.dst, udp.src_port, udp.dst_port, udp.length, l4.payload",
      .writes = "udp.checksum",
      .meaning = "writes the UDP checksum",
      .source = "RFC 768",
  };
  static void run(Packet& p, Core&) {
    std::uint8_t* const header = header_at<field::Layer::l4>(p);
    const std::uint16_t length = get<field::udp::length>(header);
    wire::Sum sum = wire::sum_pseudo(p.data + p.l3 + field::ipv4::src.offset / 8, 17, length);
    // The header beside its checksum: both ports, and the length a second time.
    std::uint32_t ports;
    std::memcpy(&ports, header, 4);
    sum.value += std::uint64_t{ports} + __builtin_bswap16(length);
    constexpr unsigned bytes = field::udp::min_bytes;
    if (length > bytes) [[likely]]
      sum.add(header + bytes, length - bytes);
    set<field::udp::checksum>(header, sum.udp_checksum());
  }
};

}  // namespace weft::nodes::udp
