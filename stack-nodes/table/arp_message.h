// Writes an ARP message for IPv4 over Ethernet (RFC 826), its frame's addresses included.
#pragma once

#include <cstdint>

#include "stack-nodes/packet.h"
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
    set<field::eth::dst>(p, frame_dst);
    set<field::eth::src>(p, sender_mac);
    set<field::eth::type>(p, 0x0806);
    set<field::arp::hardware>(p, 1);
    set<field::arp::protocol>(p, 0x0800);
    set<field::arp::hardware_length>(p, 6);
    set<field::arp::protocol_length>(p, 4);
    set<field::arp::operation>(p, operation);
    set<field::arp::sender_mac>(p, sender_mac);
    set<field::arp::sender>(p, sender);
    set<field::arp::target_mac>(p, target_mac);
    set<field::arp::target>(p, target);
  }
};

}  // namespace weft
