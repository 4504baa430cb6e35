// What an ARP message says is told to the other shards: one of them may be waiting for it.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::handover {

struct Neighbour {
  // known: they have heard it within the last second. lost: not all could be told, a ring was full;
  // they will ask by themselves.
  enum class Out { told, known, lost };
  static constexpr NodeDecl decl{
      .name = "handover.neighbour",
      .ports = "told, known, lost",
      .reads = "arp.operation, arp.sender, arp.sender_mac",
      .requires_ = "l3.room >= 28",
      .key = "arp.sender",
      .owner = "all",
      .meaning = "tells the other shards who has the address",
      .source = "RFC 826",
  };
  // An answer that this shard asked for is as good for all: they need not ask for it again. One
  // that nobody asked for makes no entry here, and none elsewhere.
  static Out run(Packet& p, Core& core) {
    const std::uint32_t address = get<field::arp::sender>(p);
    const std::uint64_t mac = get<field::arp::sender_mac>(p);
    if (core.neighbours.knows(address, mac, core.now_ns)) return Out::known;
    const bool create = get<field::arp::operation>(p) == 1 || core.neighbours.has(address);
    return core.services->tell_neighbour(address, mac, create) ? Out::told : Out::lost;
  }
};

}  // namespace weft::nodes::handover
