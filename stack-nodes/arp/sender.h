// Finds out whether an ARP message claims to come from one of the host's addresses.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::arp {

struct Sender {
  enum class Out { own, other };
  static constexpr NodeDecl decl{
      .name = "arp.sender",
      .ports = "own, other",
      .reads = "arp.sender",
      .requires_ = "l3.room >= 28",
      .state = State::config,
      .key = "arp.sender",
      .table = "addresses",
      .meaning = "looks the sender up among the host's addresses",
      .source = "RFC 5227 section 2.4",
  };
  static Out run(Packet& p, Core& core) {
    return core.addresses.find(get<field::arp::sender>(p)) == Cast::own ? Out::own : Out::other;
  }
};

}  // namespace weft::nodes::arp
