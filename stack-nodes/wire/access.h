// Where things are in a packet, and how much of them there is. The names of
// graphs/headers/names.yaml that are neither header bits nor plain members of Packet are the
// functions of this file.
#pragma once

#include <cstdint>

#include "stack-nodes/packet.h"
#include "stack-nodes/wire/bytes.h"
#include "weft/fields.h"

namespace weft::wire {

// Offset of the end of the IP datagram: before padding where that is known.
inline std::uint32_t datagram_end(const Packet& p) { return p.end != 0 ? p.end : p.len; }

// Bytes from the network header to the end of the frame (l3.room), and from the transport header to
// the end of the datagram (l4.room). The packet has been checked up to where the header begins.
inline std::uint32_t l3_room(const Packet& p) { return p.len - p.l3; }
inline std::uint32_t l4_room(const Packet& p) { return datagram_end(p) - p.l4; }

// Type of what is at the network header: the 16 bits before it, behind any tag (meta.ethertype).
inline std::uint16_t ethertype(const Packet& p) { return load16(p.data + p.l3 - 2); }

// Drops `bytes` from the front (or, negative, takes them from the headroom) and moves all offsets
// along, so that they keep pointing at the same bytes.
inline void advance(Packet& p, std::int32_t bytes) {
  p.data += bytes;
  p.len -= static_cast<std::uint32_t>(bytes);
  p.l3 = static_cast<std::uint16_t>(p.l3 - bytes);
  p.l4 = static_cast<std::uint16_t>(p.l4 != 0 ? p.l4 - bytes : 0);
  p.end = p.end != 0 ? p.end - static_cast<std::uint32_t>(bytes) : 0;
}

}  // namespace weft::wire
