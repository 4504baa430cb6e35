// Finds out whether an ARP message asks or tells about one of the host's addresses.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::arp {

struct Target {
  enum class Out { own, other };
  static constexpr NodeDecl decl{
      .name = "arp.target",
      .ports = "own, other",
      .reads = "arp.target",
      .requires_ = "l3.room >= 28",
      .state = State::config,
      .key = "arp.target",
      .table = "addresses",
      .meaning = "looks the target up among the host's addresses",
      .source = "RFC 826",
  };
  static Out run(Packet& p, Core& core) {
    return core.addresses.find(get<field::arp::target>(p)) == Cast::own ? Out::own : Out::other;
  }
};

}  // namespace weft::nodes::arp
