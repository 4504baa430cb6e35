// Finds the neighbour that gets a datagram.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct Route {
  enum class Out { hit, miss };
  static constexpr NodeDecl decl{
      .name = "ipv4.route",
      .ports = "hit, miss",
      .reads = "ipv4.dst",
      .writes = "meta.next_hop",
      .state = State::config,
      .key = "ipv4.dst",
      .table = "routes",
      .result = "meta.next_hop",
      .meaning = "longest prefix match; on the link the next hop is the destination",
      .source = "RFC 1122 section 3.3.1; RFC 1812 section 5.2.4.3",
  };
  static Out run(Packet& p, Core& core) {
    const std::uint32_t hop = core.routes.lookup(get<field::ipv4::dst>(p));
    if (hop == 0) [[unlikely]]
      return Out::miss;
    p.next_hop = hop;
    return Out::hit;
  }
};

}  // namespace weft::nodes::ipv4
