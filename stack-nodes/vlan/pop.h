// Goes past an 802.1Q tag.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::vlan {

struct Pop {
  static constexpr NodeDecl decl{
      .name = "vlan.pop",
      .reads = "vlan.type, vlan.vid, l3.room",
      .writes = "meta.ethertype, meta.vlan_id, l3.room",
      .assigns = "meta.ethertype = vlan.type; meta.vlan_id = vlan.vid; l3.room = l3.room - 4",
      .requires_ = "l3.room >= 4",
      .meaning = "opens the VLAN tag",
      .source = "IEEE 802.1Q-2018 clause 9.6",
  };
  // The tag's bytes stay where they are; whoever answers in this buffer builds a new frame.
  static void run(Packet& p, Core&) {
    p.vlan_id = get<field::vlan::vid>(p);
    p.l3 = static_cast<std::uint16_t>(p.l3 + 4);
  }
};

}  // namespace weft::nodes::vlan
