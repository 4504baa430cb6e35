// Finds the network header behind an untagged Ethernet header.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"

namespace weft::nodes::eth {

struct Open {
  static constexpr NodeDecl decl{
      .name = "eth.open",
      .reads = "eth.type, pkt.len",
      .writes = "meta.ethertype, meta.vlan_id, l3.room",
      .assigns = "meta.ethertype = eth.type; l3.room = pkt.len - 14; meta.vlan_id = 0",
      .requires_ = "pkt.len >= 14",
      .meaning = "opens the Ethernet frame",
      .source = "IEEE 802.3 clause 3.2",
  };
  static void run(Packet& p, Core&) {
    p.l3 = 14;
    p.vlan_id = 0;
  }
};

}  // namespace weft::nodes::eth
