// What a router said of a path is told to the other shards: any of them may send there.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"

namespace weft::nodes::handover {

struct Path {
  // known: it is no news. lost: not all could be told, a ring was full; they will be told by the
  // router when they send too much.
  enum class Out { told, known, lost };
  static constexpr NodeDecl decl{
      .name = "handover.path",
      .ports = "told, known, lost",
      .reads = "meta.dst, meta.mtu, host.mtu",
      .key = "meta.dst",
      .owner = "all",
      .meaning = "tells the other shards what the path carries",
      .source = "RFC 1191 section 6.3",
  };
  static Out run(Packet& p, Core& core) {
    if (core.paths.knows(p.dst, p.mtu, core.host.mtu, core.now_ns)) return Out::known;
    return core.services->tell_path(p.dst, p.mtu) ? Out::told : Out::lost;
  }
};

}  // namespace weft::nodes::handover
