// Another host says that an own address is its.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::arp {

struct Conflict {
  enum class Out { defended, quiet };
  static constexpr NodeDecl decl{
      .name = "arp.conflict",
      .ports = "defended, quiet",
      .reads = "arp.sender, host.mac",
      .requires_ = "l3.room >= 28",
      .state = State::replicated,
      .key = "arp.sender",
      .spawns = "arp_request",
      .meaning = "announces the own address again, at most once in 10 s",
      .source = "RFC 5227 section 2.4",
  };
  static Out run(Packet& p, Core& core) {
    return core.claims.conflict(core, get<field::arp::sender>(p)) ? Out::defended : Out::quiet;
  }
};

}  // namespace weft::nodes::arp
