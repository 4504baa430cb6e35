// Refuses datagrams that claim to come from the host itself, or from all of a subnet.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct PeerOk {
  static constexpr NodeDecl decl{
      .name = "ipv4.peer_ok",
      .kind = Kind::test,
      .ports = "yes, no",
      .reads = "ipv4.src",
      .requires_ = "l3.room >= 20",
      .state = State::config,
      .meaning = "the source is neither an own address nor a broadcast address",
      .source = "RFC 1122 section 3.2.1.3",
  };
  static bool run(const Packet& p, const Core& core) {
    return core.addresses.is_peer(get<field::ipv4::src>(p));
  }
};

}  // namespace weft::nodes::ipv4
