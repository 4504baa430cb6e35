// Writes an ARP message for IPv4 over Ethernet (RFC 826), its frame's addresses included.
#pragma once

#include <cstdint>

#include "stack-nodes/packet.h"
#include "stack-nodes/wire/compose.h"
#include "weft/fields.h"

namespace weft {

struct ArpMessage {
  static constexpr std::uint32_t frame_bytes = 14 + 28;
  static constexpr std::uint64_t to_all = 0xffffffffffff;

  std::uint16_t operation = 1;  // 1 asks, 2 answers
  std::uint64_t frame_dst = to_all;
  std::uint64_t sender_mac = 0;
  std::uint32_t sender = 0;
  std::uint64_t target_mac = 0;
  std::uint32_t target = 0;

  // The frame begins at p.data, untagged, and is the whole packet.
  void write(Packet& p) const {
    p.l3 = 14;
    p.l4 = 0;
    p.end = 0;
    p.len = frame_bytes;
    wire::Composer<field::eth::min_bytes>()
        .put<field::eth::dst>(frame_dst)
        .put<field::eth::src>(sender_mac)
        .put<field::eth::type>(0x0806)
        .store(p.data);
    wire::Composer<field::arp::min_bytes>()
        .put<field::arp::hardware>(1)
        .put<field::arp::protocol>(0x0800)
        .put<field::arp::hardware_length>(6)
        .put<field::arp::protocol_length>(4)
        .put<field::arp::operation>(operation)
        .put<field::arp::sender_mac>(sender_mac)
        .put<field::arp::sender>(sender)
        .put<field::arp::target_mac>(target_mac)
        .put<field::arp::target>(target)
        .store(p.data + p.l3);
  }
};

}  // namespace weft
