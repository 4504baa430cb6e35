// What an ICMP error says of a segment is told to the other shards, unless the connection is here:
// it comes from any router, on any queue.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/tcp/quoted.h"

namespace weft::nodes::handover {

struct Connection {
  // known: its connection is here. lost: not all could be told, a ring was full.
  enum class Out { told, known, lost };
  static constexpr NodeDecl decl{
      .name = "handover.connection",
      .ports = "told, known, lost",
      .reads =
          "meta.src, meta.dst, meta.src_port, meta.dst_port, meta.icmp_type, meta.icmp_code, "
          "meta.mtu, l4.payload",
      .requires_ = "l4.room >= 36",
      .key = "meta.src, meta.src_port, meta.dst, meta.dst_port",
      .owner = "all",
      .meaning = "tells the other shards what an ICMP error says of a segment",
      .source = "DESIGN: one owner for each instance of state",
  };
  static Out run(Packet& p, Core& core) {
    const weft::tcp::PathError error = tcp::error_about(p);
    if (core.tcp != nullptr && core.tcp->knows(error.tuple)) return Out::known;
    return core.services->tell_connection(error) ? Out::told : Out::lost;
  }
};

}  // namespace weft::nodes::handover
