// The pieces of a datagram meet on one shard, whatever queues they arrived on.
#pragma once

#include "stack-nodes/handover/away.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::handover {

struct Datagram {
  using Out = handover::Out;
  static constexpr NodeDecl decl{
      .name = "handover.datagram",
      .ports = "here, away, full",
      .reads = "ipv4.src, ipv4.dst",
      .key = "ipv4.src, ipv4.dst, ipv4.protocol, ipv4.id",
      .spawns = "handed_fragment",
      .owner = "datagrams",
      .meaning = "passes a fragment to the shard that puts its datagram together",
      .source = "RFC 791 section 3.2 (source, destination, protocol and id name the datagram)",
  };
  static Out run(Packet& p, Core& core) {
    const int owner = core.owners == nullptr ? -1
                                             : core.owners->of_datagram(get<field::ipv4::src>(p),
                                                                        get<field::ipv4::dst>(p));
    return pass(p, core, Slot::handed_fragment, owner);
  }
};

}  // namespace weft::nodes::handover
