// One packet on its way through the graph: where its headers are, what the card said of it, and
// what nodes tell each other. Small enough that a batch of 32 stays in the first-level cache.
#pragma once

#include <cstdint>

namespace weft {

// What the card says about a checksum (DPDK's four values).
enum class Answer : std::uint8_t { unknown = 0, good = 1, bad = 2, none = 3 };

// Whom a datagram is for, by its destination address.
enum class Cast : std::uint8_t { own = 0, broadcast = 1, multicast = 2, other = 3 };

struct Packet {
  std::uint8_t* data = nullptr;  // first byte of the Ethernet header
  std::uint32_t len = 0;         // bytes from data to the end of the frame, all in one piece
  std::uint16_t l3 = 14;         // offset of the network header
  std::uint16_t l4 = 0;          // offset of the transport header, 0 until known
  std::uint32_t end = 0;         // offset of the end of the IP datagram (before padding); 0: len

  // Descriptor facts, receive.
  Answer ip_cksum = Answer::unknown;
  Answer l4_cksum = Answer::unknown;
  std::uint8_t mark_valid = 0;
  std::uint32_t mark = 0;
  std::uint32_t rss_hash = 0;

  // Descriptor requests, transmit: 1 asks the card.
  std::uint8_t tx_ip_cksum = 0;
  std::uint8_t tx_l4_cksum = 0;
  std::uint8_t tx_vlan = 0;

  std::uint8_t icmp_type = 0;  // the ICMP error to be made or heard, with its code and word
  std::uint8_t icmp_code = 0;
  std::uint8_t dont_fragment = 0;  // 1: the datagram being sent may not be cut on its way
  std::uint16_t vlan_id = 0;       // of the tag that was taken off, or that is to be put on
  std::uint16_t endpoint = 0;      // index into the plan's endpoints
  std::uint8_t connected = 0;      // 1: the datagram belongs to a flow of the plan
  Cast cast = Cast::own;           // set by ipv4.local
  std::uint32_t icmp_word = 0;

  // Addresses of a datagram being sent, and where it goes next. Host byte order.
  std::uint32_t src = 0;
  std::uint32_t dst = 0;
  std::uint16_t src_port = 0;
  std::uint16_t dst_port = 0;
  std::uint8_t protocol = 0;
  std::uint8_t ttl = 0;
  std::uint16_t mtu = 0;  // largest datagram that its path carries; 0: not asked yet
  std::uint32_t next_hop = 0;
  std::uint64_t next_mac = 0;  // 48 bits, as a number

  void* buffer = nullptr;  // the engine's handle (an mbuf); nodes do not look into it
};

}  // namespace weft
