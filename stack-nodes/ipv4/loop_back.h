// A datagram that the host sends to itself: from the end of the transmit graph back to where
// received datagrams are handed out.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/tcp/checksum_fill.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/checksum.h"
#include "stack-nodes/wire/compose.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct LoopBack {
  enum class Out { looped, full };
  static constexpr NodeDecl decl{
      .name = "ipv4.loop_back",
      .ports = "looped, full",
      .reads =
          "ipv4.src, ipv4.dst, ipv4.protocol, ipv4.ihl, ipv4.total_length, ipv4.id, "
          "ipv4.more_fragments, "
          "ipv4.fragment_offset, udp.src_port, udp.dst_port, udp.length, icmp.*, "
          "tcp.src_port, tcp.dst_port, tcp.sequence, tcp.acknowledgement, tcp.data_offset, "
          "tcp.syn, "
          "tcp.window, tcp.urgent, l4.payload, "
          "host.mac",
      .writes = "eth.*, meta.ethertype, udp.checksum, tcp.checksum, meta.cut",
      .state = State::replicated,
      .key = "ipv4.dst",
      .spawns = "loopback",
      .meaning = "gives the datagram back to the receiving side, without a card",
      .source = "RFC 1122 section 3.2.1.3",
  };
  // No card will see the datagram, so that its checksum is written here, whoever was to do it.
  // (A piece of a datagram has that of the whole already.) A segment that the card was to cut stays
  // as it is: a connection takes text of any length. Its frame is from the host to the host:
  // who asks whether an ICMP error may be sent looks there.
  static Out run(Packet& p, Core& core) {
    const PacketList& list = core.spawned[static_cast<std::size_t>(Slot::loopback)];
    if (list.count == list.capacity) return Out::full;
    Packet q;  // as if a card had brought it: nothing that was known of it on its way out is left
    q.data = p.data + p.l3 - field::eth::min_bytes;
    q.l3 = field::eth::min_bytes;
    q.vlan_id = p.vlan_id;
    q.buffer = p.buffer;
    q.l4 = static_cast<std::uint16_t>(q.l3 + (get<field::ipv4::ihl>(q) << 2));
    q.len = q.end = q.l3 + get<field::ipv4::total_length>(q);
    const bool whole =
        get<field::ipv4::more_fragments>(q) == 0 && get<field::ipv4::fragment_offset>(q) == 0;
    if (whole && get<field::ipv4::protocol>(q) == 6) tcp::ChecksumFill::run(q, core);
    if (whole && get<field::ipv4::protocol>(q) == 17) {
      set<field::udp::checksum>(q, 0);
      const auto length = get<field::udp::length>(q);
      wire::Sum sum = wire::sum_pseudo(q.data + q.l3 + field::ipv4::src.offset / 8, 17,
                                       static_cast<std::uint16_t>(length));
      sum.add(q.data + q.l4, length);
      const std::uint16_t checksum = sum.checksum();
      set<field::udp::checksum>(q, checksum != 0 ? checksum : 0xffff);
    }
    wire::Composer<field::eth::min_bytes>()
        .put<field::eth::dst>(core.host.mac)
        .put<field::eth::src>(core.host.mac)
        .put<field::eth::type>(0x0800)
        .store(q.data);
    p.buffer = nullptr;
    core.spawn(Slot::loopback, q);
    return Out::looped;
  }
};

}  // namespace weft::nodes::ipv4
