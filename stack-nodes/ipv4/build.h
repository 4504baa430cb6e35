// Puts an IPv4 header in front of what is at the transport offset.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct Build {
  static constexpr NodeDecl decl{
      .name = "ipv4.build",
      .reads = "meta.src, meta.dst, meta.protocol, meta.ttl, host.address, l4.room",
      .writes = "ipv4.*, meta.ethertype, pkt.len, l3.room, eth.*",
      .assigns =
          "ipv4.version = 4; ipv4.ihl = 5; ipv4.dscp = 0; ipv4.ecn = 0; "
          "ipv4.total_length = l4.room + 20; ipv4.reserved = 0; ipv4.dont_fragment = 0; "
          "ipv4.more_fragments = 0; ipv4.fragment_offset = 0; "
          "ipv4.protocol = meta.protocol; ipv4.checksum = 0; ipv4.dst = meta.dst; "
          "pkt.len = l4.room + 34; l3.room = l4.room + 20",
      .meaning = "writes the IPv4 header; source is the own address and time to live 64 unless set",
      .source = "RFC 791 section 3.1; RFC 1122 section 3.2.1.7",
  };
  // The identification is random: no one can count our datagrams or guess the next (RFC 7739).
  // Whatever lay before the new header is no frame of ours: room for one is kept in front.
  static void run(Packet& p, Core& core) {
    p.len = wire::datagram_end(p);
    p.l3 = static_cast<std::uint16_t>(p.l4 - 20);
    wire::advance(p, p.l3 - 14);
    p.end = p.len;
    set<field::ipv4::version>(p, 4);
    set<field::ipv4::ihl>(p, 5);
    set<field::ipv4::dscp>(p, 0);
    set<field::ipv4::ecn>(p, 0);
    set<field::ipv4::total_length>(p, p.len - 14);
    set<field::ipv4::id>(p, core.random.next() >> 48);
    set<field::ipv4::reserved>(p, 0);
    set<field::ipv4::dont_fragment>(p, 0);
    set<field::ipv4::more_fragments>(p, 0);
    set<field::ipv4::fragment_offset>(p, 0);
    set<field::ipv4::ttl>(p, p.ttl != 0 ? p.ttl : 64);
    set<field::ipv4::protocol>(p, p.protocol);
    set<field::ipv4::checksum>(p, 0);
    set<field::ipv4::src>(p, p.src != 0 ? p.src : core.host.address);
    set<field::ipv4::dst>(p, p.dst);
  }
};

}  // namespace weft::nodes::ipv4
