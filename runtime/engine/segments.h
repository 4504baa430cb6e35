// A segment of TCP as a packet: where its IPv4 header will be, and what that is to say. Where the
// card cuts, segments that follow each other are one packet.
#pragma once

#include "stack-nodes/packet.h"
#include "stack-nodes/tcp/machine/stack.h"
#include "stack-nodes/wire/bytes.h"

namespace weft::engine {

// Bytes in front of the TCP header that Ethernet and IPv4 take.
inline constexpr std::uint32_t before_segment = 14 + 20;

// `p.data` has room for before_segment and s.bytes().
inline void fill_segment(Packet& p, const tcp::OutSegment& s, const tcp::Tcp& stack) {
  p.l3 = 14;
  p.l4 = before_segment;
  p.len = p.end = before_segment + s.bytes();
  tcp::write_header(s, p.data + before_segment);
  stack.copy_payload(s, p.data + before_segment + s.header_bytes());
  p.src = s.tuple.local.v4();
  p.dst = s.tuple.peer.v4();
  p.protocol = 6;
  p.ttl = s.ttl;
  p.tos = static_cast<std::uint8_t>(s.dscp << 2 | s.ecn);
  p.dont_fragment = 1;  // RFC 1191 section 3
}

// A segment of this host could not be sent: nobody is at its next hop. Who is connecting is told.
inline void tell_nobody_there(const Packet& p, tcp::Tcp& stack) {
  const std::uint8_t* const ip = p.data + p.l3;
  const std::uint8_t* const segment = ip + (ip[0] & 15) * 4u;
  if (ip[9] != 6 || (ip[6] & 0x1f) != 0 || ip[7] != 0) return;
  const tcp::Tuple tuple{tcp::Address::v4(wire::load32(ip + 12)),
                         tcp::Address::v4(wire::load32(ip + 16)), wire::load16(segment),
                         wire::load16(segment + 2)};
  stack.unreachable(tuple, wire::load32(segment + 4), tcp::reason::unreachable, true);
}

// Would a card that cuts `first`, with `text` bytes of text, make `next` of what comes behind it?
inline bool follows(const tcp::OutSegment& first, std::uint32_t text, const tcp::OutSegment& next) {
  constexpr std::uint8_t of_last = tcp::fin | tcp::psh;
  const std::uint32_t size = first.payload.len;
  return next.tuple == first.tuple && next.seq == first.seq + text && next.payload.len != 0 &&
         next.payload.len <= size && text % size == 0 && (first.flags & of_last) == 0 &&
         (next.flags & ~of_last) == first.flags && (next.flags & tcp::urg) == 0 &&
         next.ack_seq == first.ack_seq && next.window == first.window && next.ecn == first.ecn &&
         next.ttl == first.ttl && next.dscp == first.dscp &&
         next.option_bytes == first.option_bytes && next.options == first.options;
}

// Adds `next`, which follows, to the packet of `first`. The text of `p` has room for it.
inline void add_segment(Packet& p, tcp::OutSegment& first, const tcp::OutSegment& next,
                        const tcp::Tcp& stack) {
  stack.copy_payload(next, p.data + p.len);
  p.len = p.end = p.len + next.payload.len;
  p.segment = static_cast<std::uint16_t>(first.payload.len);
  first.flags |= next.flags & (tcp::fin | tcp::psh);
  p.data[before_segment + 13] = first.flags;
}

// A packet of `s` and of those that follow on it, up to `most` bytes. True: `s` is now one that
// does not belong to them.
inline bool gather(Packet& whole, tcp::OutSegment& s, std::uint32_t most, tcp::Tcp& stack) {
  tcp::OutSegment first = s;
  fill_segment(whole, first, stack);
  std::uint32_t text = first.payload.len;
  while (whole.len + first.payload.len <= most && stack.wants_output()) {
    if (!stack.produce(s)) return false;
    if (!follows(first, text, s)) return true;
    text += s.payload.len;
    add_segment(whole, first, s, stack);
  }
  return false;
}

// It is worth a packet that others may follow in. (CWR is for one segment, RFC 3168 section 6.1.2;
// what cards make of it when they cut is not told by all of them.)
inline bool may_be_followed(const tcp::OutSegment& s) {
  constexpr std::uint32_t least = 256;  // bytes of text
  return s.payload.len >= least && (s.flags & (tcp::fin | tcp::psh | tcp::urg | tcp::cwr)) == 0;
}

}  // namespace weft::engine
