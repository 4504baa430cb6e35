// An ICMP error about a segment of this host, for the connection that sent it.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/tcp/machine/stack.h"
#include "stack-nodes/wire/access.h"
#include "weft/fields.h"

namespace weft::nodes::tcp {

// What icmp.read_quote has read, and the number of the segment, which is quoted behind its ports.
inline weft::tcp::PathError error_about(const Packet& p) {
  namespace reason = weft::tcp::reason;
  const std::uint8_t* const quoted = p.data + p.l4 + field::icmp::min_bytes;
  const std::uint32_t header = get<field::ipv4::ihl>(quoted) * 4u;
  weft::tcp::PathError e;
  e.tuple = {weft::tcp::Address::v4(p.src), weft::tcp::Address::v4(p.dst), src_port(p),
             dst_port(p)};
  if (wire::l4_room(p) < field::icmp::min_bytes + header + 8) return e;  // about nothing
  e.seq = get<field::tcp::sequence>(quoted + header);
  e.why = p.icmp_type == 12 ? reason::protocol : reason::unreachable;
  if (p.icmp_type != 3) return e;
  switch (p.icmp_code) {
    case 0:
    case 6:
    case 9:
    case 11: e.why = reason::net_unreachable; break;
    case 2: e.why = reason::no_protocol; break;
    case 3: e.why = reason::refused; break;
    case 4: e.mtu = p.mtu; break;
    default: break;
  }
  e.hard = p.icmp_code == 2 || p.icmp_code == 3;
  return e;
}

struct Quoted {
  static constexpr NodeDecl decl{
      .name = "tcp.quoted",
      .reads =
          "meta.src, meta.dst, meta.src_port, meta.dst_port, meta.icmp_type, meta.icmp_code, "
          "meta.mtu, l4.payload",
      .requires_ = "l4.room >= 36",
      .state = State::replicated,
      .key = "meta.src, meta.src_port, meta.dst, meta.dst_port",
      .handover = "handover.connection",
      .meaning = "tells the connection that sent it what an ICMP error says of a segment",
      .source = "RFC 9293 section 3.9.2.2; RFC 1191 section 6.4; RFC 5927 section 4",
  };
  static void run(Packet& p, Core& core) {
    if (core.tcp == nullptr) return;
    core.tcp->now_ns = core.now_ns;
    core.tcp->path_error(error_about(p));
  }
};

}  // namespace weft::nodes::tcp
