// Hands a segment to its connection. What comes of it leaves by the slot tcp_send, when the engine
// asks the connections for it (stack-nodes/tcp/machine/stack.h: produce()).
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/tcp/machine/stack.h"
#include "stack-nodes/wire/access.h"
#include "weft/fields.h"

namespace weft::nodes::tcp {

struct Receive {
  enum class Out { kept, done, refused, closed };
  static constexpr NodeDecl decl{
      .name = "tcp.receive",
      .ports = "kept, done, refused, closed",
      .reads = "ipv4.src, ipv4.dst, ipv4.ecn, tcp.*, l4.payload, l4.room",
      .requires_ = "l4.room >= 20 && tcp.data_offset >= 5 && (tcp.data_offset << 2) <= l4.room",
      .state = State::owned,
      .key = "ipv4.src, tcp.src_port, ipv4.dst, tcp.dst_port",
      .spawns = "tcp_send",
      .handover = "handover.segment",
      .meaning = "takes the segment to its connection; text stays in the packet's buffer",
      .source = "RFC 9293 section 3.10.7",
  };
  static weft::tcp::Tuple tuple(const Packet& p) {
    return {weft::tcp::Address::v4(get<field::ipv4::dst>(p)),
            weft::tcp::Address::v4(get<field::ipv4::src>(p)), get<field::tcp::dst_port>(p),
            get<field::tcp::src_port>(p)};
  }
  static Out run(Packet& p, Core& core) {
    using Arrived = weft::tcp::Arrived;
    weft::tcp::Segment s;
    s.tuple = tuple(p);
    s.ecn = get<field::ipv4::ecn>(p);
    const bool whole = weft::tcp::read_segment({p.data + p.l4, wire::l4_room(p)}, s);
    if (!whole || core.tcp == nullptr) return Out::refused;
    s.buffer = p.buffer;
    core.tcp->now_ns = core.now_ns;
    switch (core.tcp->take(s)) {
      case Arrived::kept: p.buffer = nullptr; return Out::kept;
      case Arrived::done: return Out::done;
      case Arrived::refused: return Out::refused;
      case Arrived::closed: break;
    }
    return Out::closed;
  }
};

}  // namespace weft::nodes::tcp
