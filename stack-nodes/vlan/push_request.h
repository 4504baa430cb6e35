// Asks the card for the 802.1Q tag.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"

namespace weft::nodes::vlan {

struct PushRequest {
  static constexpr NodeDecl decl{
      .name = "vlan.push_request",
      .reads = "host.vlan_id",
      .writes = "desc.tx_vlan, meta.vlan_id",
      .assigns = "desc.tx_vlan = 1; meta.vlan_id = host.vlan_id",
      .meaning = "asks the card to insert the VLAN tag",
      .source = "IEEE 802.1Q-2018 clause 9.6",
  };
  static void run(Packet& p, Core& core) {
    p.tx_requests |= CardRequests::vlan;
    p.vlan_id = core.host.vlan_id;
  }
};

}  // namespace weft::nodes::vlan
