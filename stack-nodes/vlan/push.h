// Puts an 802.1Q tag into an untagged frame.
#pragma once

#include <cstring>

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::vlan {

struct Push {
  static constexpr NodeDecl decl{
      .name = "vlan.push",
      .reads = "eth.type, host.vlan_id, pkt.len",
      .writes =
          "eth.type, vlan.pcp, vlan.dei, vlan.vid, vlan.type, meta.vlan_id, meta.ethertype, "
          "pkt.len",
      .assigns =
          "eth.type = 0x8100; vlan.pcp = 0; vlan.dei = 0; vlan.vid = host.vlan_id; "
          "vlan.type = eth.type; meta.ethertype = eth.type; meta.vlan_id = host.vlan_id; "
          "pkt.len = pkt.len + 4",
      .meaning = "writes the VLAN tag",
      .source = "IEEE 802.1Q-2018 clause 9.6",
  };
  // The two addresses move into the headroom; the old type is the tag's type already.
  static void run(Packet& p, Core& core) {
    std::memmove(p.data - 4, p.data, 12);
    p.data -= 4;
    p.len += 4;
    p.l3 = static_cast<std::uint16_t>(p.l3 + 4);
    p.l4 = static_cast<std::uint16_t>(p.l4 != 0 ? p.l4 + 4 : 0);
    p.end = p.end != 0 ? p.end + 4 : 0;
    p.vlan_id = core.host.vlan_id;
    set<field::eth::type>(p, 0x8100);
    wire::store16(p.data + p.l3 - 4, core.host.vlan_id & 0x0fff);
  }
};

}  // namespace weft::nodes::vlan
