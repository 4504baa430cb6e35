// Puts an IPv4 header in front of what is at the transport offset.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/ipv4/source.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/compose.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct Build {
  static constexpr NodeDecl decl{
      .name = "ipv4.build",
      .reads =
          "meta.src, meta.dst, meta.protocol, meta.ttl, meta.dont_fragment, meta.dscp, meta.ecn, "
          "host.address, l4.room",
      .writes = "ipv4.*, meta.ethertype, pkt.len, l3.room, eth.*",
      .assigns =
          "ipv4.version = 4; ipv4.ihl = 5; ipv4.dscp = meta.dscp; ipv4.ecn = meta.ecn; "
          "ipv4.total_length = l4.room + 20; ipv4.reserved = 0; ipv4.dont_fragment = "
          "meta.dont_fragment; "
          "ipv4.more_fragments = 0; ipv4.fragment_offset = 0; "
          "ipv4.protocol = meta.protocol; ipv4.checksum = 0; ipv4.dst = meta.dst; "
          "pkt.len = l4.room + 34; l3.room = l4.room + 20",
      .expects =
          "meta.dont_fragment == 0 && meta.src == 0 && meta.ttl == 0 && meta.dscp == 0 && "
          "meta.ecn == 0 && host.one_address == 1",
      .meaning =
          "writes the IPv4 header; source is the own address of the way out and time to live 64 "
          "unless set",
      .source = "RFC 791 section 3.1; RFC 1122 section 3.2.1.7",
  };
  static constexpr unsigned header = field::ipv4::min_bytes;
  static constexpr unsigned frame = field::eth::min_bytes;

  // The identification is random: no one can count our datagrams or guess the next (RFC 7739).
  // Whatever lay before the new header is no frame of ours: room for one is kept in front.
  static void run(Packet& p, Core& core) {
    const std::uint32_t total = wire::datagram_end(p) - p.l4 + header;
    std::uint8_t* const at = p.data + p.l4 - header;
    p.data = at - frame;
    p.len = p.end = frame + total;
    p.l3 = frame;
    p.l4 = frame + header;
    wire::Composer<header, std::uint32_t>()
        .put<field::ipv4::version>(4)
        .put<field::ipv4::ihl>(header / 4)
        .put<field::ipv4::dscp>(dscp(p))
        .put<field::ipv4::ecn>(ecn(p))
        .put<field::ipv4::total_length>(total)
        .put<field::ipv4::id>(core.random.next16())
        .put<field::ipv4::dont_fragment>(p.dont_fragment)
        .put<field::ipv4::ttl>(p.ttl != 0 ? p.ttl : 64)
        .put<field::ipv4::protocol>(p.protocol)
        .put<field::ipv4::src>(p.src != 0 ? p.src : source_towards(core, p.dst))
        .put<field::ipv4::dst>(p.dst)
        .store(at);
  }
};

}  // namespace weft::nodes::ipv4
