// Cuts what is larger than a segment into segments, as cards do it: each has the headers of the
// whole; numbers of sequence and identification go on, FIN and PSH are the last one's, CWR is the
// first one's. Checksums are made afterwards. The first segment leaves in the buffer of the whole.
#pragma once

#include <algorithm>
#include <cstring>

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "weft/fields.h"

namespace weft::nodes::tcp {

struct Segment {
  static constexpr NodeDecl decl{
      .name = "tcp.segment",
      .reads = "meta.segment, l4.room, tcp.data_offset",
      .writes = "meta.cut",
      .spawns = "tcp_piece",
      .meaning = "cuts what is larger than a segment into segments",
      .source = "RFC 9293 sections 3.1 and 3.7.1; RFC 3168 section 6.1.2 (CWR)",
  };
  static constexpr std::uint8_t of_last = 0x01 | 0x08;  // FIN, PSH
  static constexpr std::uint8_t of_first = 0x80;        // CWR

  static void run(Packet& p, Core& core) {
    if (p.segment == 0) return;
    const std::uint32_t header = get<field::tcp::data_offset>(p) * 4u;
    const std::uint32_t text = wire::l4_room(p) - header;
    const std::uint32_t size = p.segment;
    p.segment = 0;
    if (text <= size) return;
    PacketList& pieces = core.spawned[static_cast<std::size_t>(Slot::tcp_piece)];
    std::uint8_t* const flags = p.data + p.l4 + 13;
    const std::uint8_t all = *flags;
    unsigned number = 1;
    for (std::uint32_t at = size; at < text; at += size, ++number) {
      // (What finds no buffer or no place is as lost as on the wire.)
      Packet piece;
      const std::uint32_t bytes = std::min(size, text - at);
      if (pieces.count == PacketList::capacity ||
          !core.services->allocate(piece, p.l4 + header + bytes)) {
        ++core.spawn_lost;
        continue;
      }
      std::uint8_t* const to = piece.data;
      void* const buffer = piece.buffer;
      piece = p;
      piece.data = to;
      piece.buffer = buffer;
      piece.len = piece.end = p.l4 + header + bytes;
      std::memcpy(to, p.data, p.l4 + header);
      std::memcpy(to + p.l4 + header, p.data + p.l4 + header + at, bytes);
      set<field::ipv4::total_length>(to + p.l3, p.l4 - p.l3 + header + bytes);
      set<field::ipv4::id>(to + p.l3, get<field::ipv4::id>(p) + number);
      set<field::tcp::sequence>(to + p.l4, get<field::tcp::sequence>(p) + at);
      const bool last = at + bytes == text;
      to[p.l4 + 13] = static_cast<std::uint8_t>(all & ~of_first & (last ? 0xff : ~of_last));
      pieces.packets[pieces.count++] = piece;
    }
    *flags = static_cast<std::uint8_t>(all & ~of_last);
    p.len = p.end = p.l4 + header + size;
    set<field::ipv4::total_length>(p, p.len - p.l3);
  }
};

}  // namespace weft::nodes::tcp
