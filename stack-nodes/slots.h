// Ways a packet can enter the graph other than from the wire. A graph binds each slot that its
// nodes spawn to one node; the engine runs what is in a slot as a batch of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weft::nodes {

enum class Slot : std::uint8_t {
  udp_send,          // an application sends a datagram
  arp_request,       // the neighbour table asks who has an address
  arp_resolved,      // a held packet whose next hop is now known
  ipv4_reassembled,  // a whole datagram made of fragments
  icmp_error,        // an error about a packet (reuses its buffer)
  reply,             // an answer in the packet's own buffer
  igmp_send,         // a report about groups
  udp_copy,          // a datagram for one more endpoint
  loopback,          // a datagram for the host itself
  ipv4_piece,        // a fragment of a datagram that was too large for its path
  ipv4_rest,         // what is left of such a datagram, when many fragments wait already
  ipv4_expired,      // the first fragment of a datagram whose others did not come in time
  handed_flow,       // another shard got a datagram of a flow that this one owns
  handed_error,      // ... or an ICMP error about one
  handed_fragment,   // ... or a piece of a datagram that is put together here
  tcp_send,          // a segment of a connection
  tcp_piece,         // one of the segments that a larger one was cut into
  handed_segment,    // another shard got a segment of a connection that this one owns
  handed_kept,       // ... or kept, when rules or the table began to bring it elsewhere
  count
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Slot::count)> slot_names = {
    "udp_send",  "arp_request",  "arp_resolved",   "ipv4_reassembled", "icmp_error",
    "reply",     "igmp_send",    "udp_copy",       "loopback",         "ipv4_piece",
    "ipv4_rest", "ipv4_expired", "handed_flow",    "handed_error",     "handed_fragment",
    "tcp_send",  "tcp_piece",    "handed_segment", "handed_kept"};

}  // namespace weft::nodes
