// Finds the Ethernet address of the next hop, or holds the packet and asks.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"

namespace weft::nodes::arp {

struct Resolve {
  enum class Out { known, wait, full, self };
  static constexpr NodeDecl decl{
      .name = "arp.resolve",
      .ports = "known, wait, full, self",
      .reads = "meta.next_hop, host.mac",
      .writes = "meta.next_mac",
      .state = State::replicated,
      .key = "meta.next_hop",
      .spawns = "arp_request",
      .quick = true,
      .meaning = "finds the next hop's Ethernet address; asks and holds the packet where unknown",
      .source = "RFC 826; RFC 1122 section 2.3.2.2",
  };
  static bool quick(Packet& p, Core& core) { return core.neighbours.known(p); }
  // What waits here goes on through Slot::arp_resolved when arp.learn or age() hands it back.
  // On `full` the packet may be an older one for the same hop: see NeighbourTable::resolve.
  static Out run(Packet& p, Core& core) {
    switch (core.neighbours.resolve(core, p)) {
      case NeighbourTable::Resolved::known: return Out::known;
      case NeighbourTable::Resolved::wait: return Out::wait;
      case NeighbourTable::Resolved::self: return Out::self;
      case NeighbourTable::Resolved::full: break;
    }
    return Out::full;
  }
};

}  // namespace weft::nodes::arp
