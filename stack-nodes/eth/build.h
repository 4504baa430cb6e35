// Puts an Ethernet header in front of an IPv4 datagram.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/compose.h"
#include "weft/fields.h"

namespace weft::nodes::eth {

struct Build {
  static constexpr NodeDecl decl{
      .name = "eth.build",
      .reads = "meta.next_mac, host.mac, ipv4.total_length",
      .writes = "eth.dst, eth.src, eth.type, meta.ethertype, pkt.len, l3.room",
      .assigns =
          "eth.dst = meta.next_mac; eth.src = host.mac; eth.type = 0x0800; "
          "meta.ethertype = 0x0800; pkt.len = ipv4.total_length + 14; "
          "l3.room = ipv4.total_length",
      .meaning = "writes the Ethernet header; the frame is untagged and without padding",
      .source = "RFC 894",
  };
  // A forwarded datagram may have come with a tag in front and padding behind: both stay here.
  static void run(Packet& p, Core& core) {
    const int in_front = p.l3 - int{field::eth::min_bytes};
    p.len = p.end = wire::datagram_end(p) - static_cast<std::uint32_t>(in_front);
    p.l4 = static_cast<std::uint16_t>(p.l4 - in_front);
    p.l3 = field::eth::min_bytes;
    p.data += in_front;
    wire::Composer<field::eth::min_bytes>()
        .put<field::eth::dst>(p.next_mac)
        .put<field::eth::src>(core.host.mac)
        .put<field::eth::type>(0x0800)
        .store(p.data);
  }
};

}  // namespace weft::nodes::eth
