// Counts a hop of a forwarded datagram.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct DecrementTtl {
  static constexpr NodeDecl decl{
      .name = "ipv4.decrement_ttl",
      .reads = "ipv4.ttl, ipv4.protocol, ipv4.checksum",
      .writes = "ipv4.ttl, ipv4.checksum",
      .assigns = "ipv4.ttl = ipv4.ttl - 1",
      .requires_ = "ipv4.ttl >= 1",
      .meaning = "one less to live; the checksum is updated",
      .source = "RFC 1812 section 5.3.1; RFC 1624",
  };
  static void run(Packet& p, Core&) {
    const std::uint16_t ttl = get<field::ipv4::ttl>(p);
    const auto before = static_cast<std::uint16_t>(ttl << 8 | get<field::ipv4::protocol>(p));
    const auto after = static_cast<std::uint16_t>(before - 0x100);
    set<field::ipv4::checksum>(p, wire::updated(get<field::ipv4::checksum>(p), before, after));
    set<field::ipv4::ttl>(p, ttl - 1u);
  }
};

}  // namespace weft::nodes::ipv4
