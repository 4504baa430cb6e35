// Collects the fragments of a datagram.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"

namespace weft::nodes::ipv4 {

struct Reassemble {
  enum class Out { held, duplicate, overlap, bad, full };
  static constexpr NodeDecl decl{
      .name = "ipv4.reassemble",
      .ports = "held, duplicate, overlap, bad, full",
      .reads =
          "eth.dst, eth.src, meta.vlan_id, meta.cast, ipv4.*, l3.options, l4.room, udp.*, icmp.*, "
          "l4.payload",
      .state = State::owned,
      .key = "ipv4.src, ipv4.dst, ipv4.protocol, ipv4.id",
      .spawns = "ipv4_reassembled, ipv4_expired",
      .handover = "handover.datagram",
      .meaning = "keeps a copy of the fragment; the last one missing makes the datagram",
      .source = "RFC 791 section 3.2; RFC 1122 section 3.3.2; RFC 815",
  };
  static Out run(Packet& p, Core& core) {
    using Result = ReassemblyTable::Result;
    switch (core.reassembly.add(core, p)) {
      case Result::held: return Out::held;
      case Result::duplicate: return Out::duplicate;
      case Result::overlap: return Out::overlap;
      case Result::bad: return Out::bad;
      case Result::full: break;
    }
    return Out::full;
  }
};

}  // namespace weft::nodes::ipv4
