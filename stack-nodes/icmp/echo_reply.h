// Turns an echo request into its reply.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::icmp {

struct EchoReply {
  static constexpr NodeDecl decl{
      .name = "icmp.echo_reply",
      .reads = "ipv4.src, ipv4.dst, icmp.*, l4.payload, l4.room",
      .writes = "icmp.type, icmp.checksum, meta.src, meta.dst, meta.protocol, meta.ttl",
      .assigns =
          "icmp.type = 0; meta.src = ipv4.dst; meta.dst = ipv4.src; meta.protocol = 1; "
          "meta.ttl = 64",
      .requires_ = "l4.room >= 8",
      .spawns = "reply",
      .reuses_buffer = true,
      .meaning = "answers with the same data; options of the request are not copied",
      .source = "RFC 792; RFC 1122 section 3.2.2.6",
  };
  // The checksum is updated for the new type. Zero is the one result that may be wrong (a message
  // of nothing but zeros has 0xffff), so that it is computed again.
  static void run(Packet& p, Core&) {
    const std::uint16_t code = get<field::icmp::code>(p);
    const auto before = static_cast<std::uint16_t>(get<field::icmp::type>(p) << 8 | code);
    const std::uint16_t updated = wire::updated(get<field::icmp::checksum>(p), before, code);
    set<field::icmp::type>(p, 0);
    set<field::icmp::checksum>(p, updated);
    if (updated == 0) [[unlikely]] {
      wire::Sum sum;
      sum.add(p.data + p.l4, wire::l4_room(p));
      set<field::icmp::checksum>(p, sum.checksum());
    }
    p.src = get<field::ipv4::dst>(p);
    p.dst = get<field::ipv4::src>(p);
    p.protocol = 1;
    p.ttl = 64;
  }
};

}  // namespace weft::nodes::icmp
