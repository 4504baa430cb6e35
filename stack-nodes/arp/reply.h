// Answers an ARP request in its own buffer.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "weft/fields.h"

namespace weft::nodes::arp {

struct Reply {
  static constexpr NodeDecl decl{
      .name = "arp.reply",
      .reads = "arp.sender, arp.sender_mac, arp.target, host.mac",
      .writes = "eth.dst, eth.src, eth.type, arp.*, meta.ethertype, pkt.len, l3.room, l4.room",
      .assigns =
          "eth.dst = arp.sender_mac; eth.src = host.mac; eth.type = 0x0806; "
          "arp.hardware = 1; arp.protocol = 0x0800; arp.hardware_length = 6; "
          "arp.protocol_length = 4; arp.operation = 2; "
          "arp.target_mac = arp.sender_mac; arp.target = arp.sender; "
          "arp.sender_mac = host.mac; arp.sender = arp.target; "
          "meta.ethertype = 0x0806; pkt.len = 42; l3.room = 28",
      .requires_ = "l3.room >= 28",
      .spawns = "reply",
      .reuses_buffer = true,
      .meaning = "turns the request into the answer",
      .source = "RFC 826",
  };
  static void run(Packet& p, Core& core) {
    const std::uint64_t asker_mac = get<field::arp::sender_mac>(p);
    const std::uint32_t asker = get<field::arp::sender>(p);
    const std::uint32_t asked_for = get<field::arp::target>(p);
    wire::advance(p, p.l3 - 14);
    ArpMessage{.operation = 2,
               .frame_dst = asker_mac,
               .sender_mac = core.host.mac,
               .sender = asked_for,
               .target_mac = asker_mac,
               .target = asker}
        .write(p);
  }
};

}  // namespace weft::nodes::arp
