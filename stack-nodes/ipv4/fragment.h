// Cuts a datagram into pieces that its path carries. As RFC 791 section 3.2 puts it: the first
// piece is taken off, and what is left is a datagram again, until it fits. The last piece leaves in
// the datagram's own buffer; the others are copies, since no card may be asked to send from one
// buffer twice.
//
// Pieces wait in the list of a slot. When that is full, what is left of the datagram waits in
// another, and comes back here when the pieces have gone: at most `most_waiting` datagrams, each of
// which may hold 64 KiB.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>

#include "stack-nodes/core.h"
#include "stack-nodes/ipv4/options.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct Fragment {
  enum class Out { done, more, full };
  static constexpr NodeDecl decl{
      .name = "ipv4.fragment",
      .ports = "done, more, full",
      .reads =
          "ipv4.*, l3.options, udp.*, icmp.*, igmp.*, l4.payload, l4.room, meta.mtu, host.mtu, "
          "meta.next_hop",
      .writes =
          "eth.*, ipv4.*, l3.options, udp.*, icmp.*, igmp.*, l4.payload, l4.room, l3.room, "
          "pkt.len, meta.ethertype",
      .state = State::replicated,
      .spawns = "ipv4_piece, ipv4_rest",
      .meaning = "cuts a datagram into pieces that the path carries",
      .source = "RFC 791 section 3.2; RFC 1122 section 3.3.3; RFC 6864 section 4.1",
  };
  static constexpr unsigned most_waiting = 16;
  static constexpr std::uint32_t smallest = 68;  // every link carries that (RFC 791)

  static Out run(Packet& p, Core& core) {
    PacketList& pieces = core.spawned[static_cast<std::size_t>(Slot::ipv4_piece)];
    PacketList& rests = core.spawned[static_cast<std::size_t>(Slot::ipv4_rest)];
    const std::uint32_t mtu = std::max(smallest, std::uint32_t{p.mtu != 0 ? p.mtu : core.host.mtu});
    for (;;) {
      const bool last = get<field::ipv4::total_length>(p) <= mtu;
      if (pieces.count == PacketList::capacity) {
        if (rests.count >= most_waiting) return Out::full;
        rests.packets[rests.count++] = p;
        p.buffer = nullptr;
        return Out::more;
      }
      if (last) {
        sign(p.data + p.l3, p.l4 - p.l3);
        pieces.packets[pieces.count++] = p;
        ++core.pieces;
        p.buffer = nullptr;
        return Out::done;
      }
      const std::uint32_t header = p.l4 - p.l3;
      const std::uint32_t bytes = (mtu - header) & ~7u;
      Packet piece;
      if (!core.services->allocate(piece, p.l4 + bytes)) return Out::full;
      take_off(p, piece, bytes);
      pieces.packets[pieces.count++] = piece;
      ++core.pieces;
    }
  }

 private:
  // The first `bytes` of what `p` carries become `piece`; `p` is what is left.
  static void take_off(Packet& p, Packet& piece, std::uint32_t bytes) {
    const std::uint32_t header = p.l4 - p.l3;
    std::uint8_t* const to = piece.data;
    piece = same_way(p, piece);
    piece.l3 = p.l3;
    piece.l4 = p.l4;
    piece.len = piece.end = p.l4 + bytes;
    std::memcpy(to, p.data, p.l4 + bytes);
    set<field::ipv4::total_length>(to + p.l3, header + bytes);
    set<field::ipv4::more_fragments>(to + p.l3, 1);
    sign(to + p.l3, header);

    // In front of the rest, over what has gone: the frame's header and the IPv4 header, with those
    // options only that every piece has.
    std::array<std::uint8_t, 60> head;
    const std::uint32_t kept = copied_options(p.data + p.l3, header, head.data());
    const std::uint32_t end = wire::datagram_end(p);
    p.data += p.l4 + bytes - kept - p.l3;
    std::memcpy(p.data, to, p.l3);
    std::memcpy(p.data + p.l3, head.data(), kept);
    p.len = p.end = end - (p.l4 + bytes) + p.l3 + kept;
    p.l4 = static_cast<std::uint16_t>(p.l3 + kept);
    std::uint8_t* const rest = p.data + p.l3;
    set<field::ipv4::ihl>(rest, kept / 4);
    set<field::ipv4::total_length>(rest, p.end - p.l3);
    set<field::ipv4::fragment_offset>(rest, get<field::ipv4::fragment_offset>(rest) + bytes / 8u);
  }

  static Packet same_way(const Packet& p, const Packet& buffer) {
    Packet piece = p;
    piece.data = buffer.data;
    piece.buffer = buffer.buffer;
    return piece;
  }

  // The header without options that only the first piece has (RFC 791 section 3.1); its length.
  static std::uint32_t copied_options(const std::uint8_t* header, std::uint32_t bytes,
                                      std::uint8_t* to) {
    std::uint32_t kept = field::ipv4::min_bytes;
    std::memcpy(to, header, kept);
    for (std::uint32_t at = kept; at < bytes && header[at] != option::end;) {
      if (header[at] == option::no_operation) {
        ++at;
        continue;
      }
      const std::uint32_t length = at + 1 < bytes ? header[at + 1] : 0u;
      if (length < 2 || at + length > bytes) break;  // a forwarded header may be wrong
      if ((header[at] & option::copied) != 0) {
        std::memcpy(to + kept, header + at, length);
        kept += length;
      }
      at += length;
    }
    while (kept % 4 != 0) to[kept++] = option::end;
    return kept;
  }

  static void sign(std::uint8_t* header, std::uint32_t bytes) {
    set<field::ipv4::checksum>(header, 0);
    wire::Sum sum;
    sum.add(header, bytes);
    set<field::ipv4::checksum>(header, sum.checksum());
  }
};

}  // namespace weft::nodes::ipv4
