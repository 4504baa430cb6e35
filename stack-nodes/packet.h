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

  std::uint16_t facts = 0;  // what the card says of it: the bits of CardFacts
  // Bytes of text in each of the segments of TCP that this one is to be cut into; 0: it is one.
  std::uint16_t segment = 0;
  std::uint32_t mark = 0;  // of the filter that it hit, where the facts say `marked`

  // Descriptor requests, transmit: 1 asks the card.
  std::uint8_t tx_ip_cksum = 0;
  std::uint8_t tx_requests = 0;  // bits of CardRequests, those for the tag among them

  std::uint8_t tos = 0;        // of a datagram being sent: DSCP, and ECN in the lowest two bits
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
  std::uint32_t ports = 0;  // src_port() and dst_port(), below
  std::uint8_t protocol = 0;
  std::uint8_t ttl = 0;
  std::uint16_t mtu = 0;  // largest datagram that its path carries; 0: not asked yet
  std::uint32_t next_hop = 0;
  std::uint64_t next_mac = 0;  // 48 bits, as a number

  void* buffer = nullptr;  // the engine's handle (an mbuf); nodes do not look into it
};

// Bits of Packet::facts, as DPDK has them in an mbuf's flags (runtime/engine/frames.h holds the two
// against each other). They are kept as they are, so that a predicate is one masked comparison.
struct CardFacts {
  struct Sum {  // of a checksum; "none" is both
    std::uint16_t good, bad;
  };
  static constexpr Sum ip{1 << 7, 1 << 4}, l4{1 << 8, 1 << 3};
  static constexpr std::uint16_t marked = 1 << 13;

  static constexpr Answer answer(std::uint16_t facts, Sum sum) {
    // (A switch over the masked bits: compilers make one comparison of `answer(...) == good`.)
    const auto both = static_cast<std::uint16_t>(sum.good | sum.bad);
    if ((facts & both) == 0) return Answer::unknown;
    if ((facts & both) == sum.good) return Answer::good;
    return (facts & both) == sum.bad ? Answer::bad : Answer::none;
  }
  static constexpr std::uint16_t bits(Answer a, Sum sum) {
    const auto n = static_cast<unsigned>(a);
    return static_cast<std::uint16_t>(((n & 1) != 0 ? sum.good : 0) | ((n & 2) != 0 ? sum.bad : 0));
  }
};
template <CardFacts::Sum sum>
inline Answer answer(const Packet& p) {
  return CardFacts::answer(p.facts, sum);
}
inline Answer ip_cksum(const Packet& p) { return answer<CardFacts::ip>(p); }
inline Answer l4_cksum(const Packet& p) { return answer<CardFacts::l4>(p); }
// Ports of a datagram being sent: the source in the upper half, as a header has them.
constexpr std::uint32_t ports_of(std::uint16_t src, std::uint16_t dst) {
  return std::uint32_t{src} << 16 | dst;
}
inline std::uint16_t src_port(const Packet& p) { return static_cast<std::uint16_t>(p.ports >> 16); }
inline std::uint16_t dst_port(const Packet& p) { return static_cast<std::uint16_t>(p.ports); }

inline bool marked(const Packet& p) { return (p.facts & CardFacts::marked) != 0; }

// Bits of Packet::tx_requests.
struct CardRequests {
  static constexpr std::uint8_t udp = 1, tcp = 2, cut = 4, vlan = 8;
};
inline bool asks_udp(const Packet& p) { return (p.tx_requests & CardRequests::udp) != 0; }
inline bool asks_tcp(const Packet& p) { return (p.tx_requests & CardRequests::tcp) != 0; }
inline bool asks_cut(const Packet& p) { return (p.tx_requests & CardRequests::cut) != 0; }
inline bool asks_vlan(const Packet& p) { return (p.tx_requests & CardRequests::vlan) != 0; }
inline std::uint8_t dscp(const Packet& p) { return p.tos >> 2; }
inline std::uint8_t ecn(const Packet& p) { return p.tos & 3; }
inline bool is_cut_by_card(const Packet& p) { return asks_cut(p) && p.segment != 0; }

// For tests and tools.
inline void say(Packet& p, CardFacts::Sum sum, Answer a) {
  p.facts &= static_cast<std::uint16_t>(~(sum.good | sum.bad));
  p.facts |= CardFacts::bits(a, sum);
}
inline void say_ip_cksum(Packet& p, Answer a) { say(p, CardFacts::ip, a); }
inline void say_l4_cksum(Packet& p, Answer a) { say(p, CardFacts::l4, a); }
inline void say_mark(Packet& p, std::uint32_t mark) {
  p.facts |= CardFacts::marked;
  p.mark = mark;
}

// The packet, member by member. (Where a compiler keeps a packet in registers, a copy of the whole
// struct would have it write all members to memory beforehand.)
inline Packet copy_of(const Packet& p) {
  return {.data = p.data,
          .len = p.len,
          .l3 = p.l3,
          .l4 = p.l4,
          .end = p.end,
          .facts = p.facts,
          .segment = p.segment,
          .mark = p.mark,
          .tx_ip_cksum = p.tx_ip_cksum,
          .tx_requests = p.tx_requests,
          .tos = p.tos,
          .icmp_type = p.icmp_type,
          .icmp_code = p.icmp_code,
          .dont_fragment = p.dont_fragment,
          .vlan_id = p.vlan_id,
          .endpoint = p.endpoint,
          .connected = p.connected,
          .cast = p.cast,
          .icmp_word = p.icmp_word,
          .src = p.src,
          .dst = p.dst,
          .ports = p.ports,
          .protocol = p.protocol,
          .ttl = p.ttl,
          .mtu = p.mtu,
          .next_hop = p.next_hop,
          .next_mac = p.next_mac,
          .buffer = p.buffer};
}
static_assert(sizeof(Packet) == 80, "a new member also belongs into copy_of()");

}  // namespace weft
