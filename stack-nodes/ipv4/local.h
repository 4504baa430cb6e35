// Finds out whom a datagram is for: the host, all of a subnet, a group, or somebody else.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct Local {
  using Out = Cast;
  static constexpr NodeDecl decl{
      .name = "ipv4.local",
      .ports = "own, broadcast, multicast, other",
      .reads = "ipv4.dst",
      .writes = "meta.cast",
      .state = State::config,
      .key = "ipv4.dst",
      .table = "addresses",
      .result = "meta.cast",
      .meaning = "looks the destination up among the host's addresses",
      .source = "RFC 1122 section 3.2.1.3",
  };
  static Out run(Packet& p, Core& core) {
    p.cast = core.addresses.find(get<field::ipv4::dst>(p));
    return p.cast;
  }
};

}  // namespace weft::nodes::ipv4
