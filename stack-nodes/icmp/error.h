// Makes an ICMP error about a datagram, in front of that datagram in its own buffer.
#pragma once

#include <algorithm>

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::icmp {

struct Error {
  static constexpr NodeDecl decl{
      .name = "icmp.error",
      .reads =
          "meta.icmp_type, meta.icmp_code, meta.icmp_word, meta.cast, host.mtu, eth.*, "
          "ipv4.*, l3.options, udp.*, icmp.*, igmp.*, l4.payload, l4.room",
      .writes =
          "icmp.*, l4.payload, l4.room, l3.room, pkt.len, meta.src, meta.dst, "
          "meta.protocol, meta.ttl, meta.ethertype, eth.*, ipv4.*, udp.*, igmp.*",
      .assigns =
          "icmp.type = meta.icmp_type; icmp.code = meta.icmp_code; "
          "icmp.word = meta.icmp_word; meta.dst = ipv4.src; meta.protocol = 1; meta.ttl = 64",
      .meaning = "writes the ICMP message; it quotes the datagram as far as 576 bytes allow",
      .source = "RFC 792; RFC 1812 section 4.3.2.3; RFC 1122 section 3.2.2",
  };
  static constexpr std::uint32_t whole = 576;       // the error's own datagram
  static constexpr std::uint32_t headers = 20 + 8;  // IPv4 and ICMP

  // It comes from the address that the datagram was for; about one to be forwarded, from that of
  // the way back (ipv4.build). The quoted datagram stays where it is: the new headers go in front
  // of it, 28 bytes beyond the frame's first byte at most, into the headroom.
  static void run(Packet& p, Core& core) {
    p.src = p.cast == Cast::own ? get<field::ipv4::dst>(p) : 0;
    p.dst = get<field::ipv4::src>(p);
    p.protocol = 1;
    p.ttl = 64;
    const std::uint32_t most = std::min<std::uint32_t>(whole, core.host.mtu) - headers;
    const std::uint32_t quoted = std::min(wire::datagram_end(p) - p.l3, most);
    p.data += p.l3 - (14 + static_cast<int>(headers));
    p.l3 = 14;
    p.l4 = 14 + 20;
    p.len = p.end = 14 + headers + quoted;
    set<field::icmp::type>(p, p.icmp_type);
    set<field::icmp::code>(p, p.icmp_code);
    set<field::icmp::checksum>(p, 0);
    set<field::icmp::word>(p, p.icmp_word);
    wire::Sum sum;
    sum.add(p.data + p.l4, 8 + quoted);
    set<field::icmp::checksum>(p, sum.checksum());
  }
};

}  // namespace weft::nodes::icmp
