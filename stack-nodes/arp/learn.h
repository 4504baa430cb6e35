// Takes an ARP message's sender into the neighbour table.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::arp {

struct Learn {
  static constexpr NodeDecl decl{
      .name = "arp.learn",
      .reads = "arp.operation, arp.sender, arp.sender_mac",
      .requires_ = "l3.room >= 28",
      .state = State::replicated,
      .key = "arp.sender",
      .spawns = "arp_resolved",
      .handover = "handover.neighbour",
      .meaning = "learns the sender; packets that waited for it go on",
      .source = "RFC 826; RFC 1122 section 2.3.2.1",
  };
  // Only a request for us makes an entry: who sends answers that nobody asked for fills no table.
  static void run(Packet& p, Core& core) {
    const std::uint32_t address = get<field::arp::sender>(p);
    const std::uint64_t mac = get<field::arp::sender_mac>(p);
    core.neighbours.learn(core, address, mac, get<field::arp::operation>(p) == 1);
  }
};

}  // namespace weft::nodes::arp
