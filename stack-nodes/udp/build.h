// Puts a UDP header in front of an application's bytes.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/compose.h"
#include "weft/fields.h"

namespace weft::nodes::udp {

struct Build {
  static constexpr NodeDecl decl{
      .name = "udp.build",
      .reads = "meta.src_port, meta.dst_port, l4.room",
      .writes = "udp.*, meta.protocol",
      .assigns =
          "udp.src_port = meta.src_port; udp.dst_port = meta.dst_port; "
          "udp.length = l4.room; udp.checksum = 0; meta.protocol = 17",
      .meaning = "writes the UDP header; the checksum comes later",
      .source = "RFC 768",
  };
  static void run(Packet& p, Core&) {
    p.protocol = 17;
    wire::Composer<field::udp::min_bytes, std::uint32_t>()
        .put<joined(field::udp::src_port, field::udp::dst_port)>(p.ports)
        .put<field::udp::length>(wire::l4_room(p))
        .store(header_at<field::Layer::l4>(p));
  }
};

}  // namespace weft::nodes::udp
