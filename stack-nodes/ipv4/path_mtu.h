// Finds out how large a datagram may be on its way.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"

namespace weft::nodes::ipv4 {

struct PathMtu {
  static constexpr NodeDecl decl{
      .name = "ipv4.path_mtu",
      .reads = "meta.dst, host.mtu",
      .writes = "meta.mtu",
      .state = State::replicated,
      .key = "meta.dst",
      .meaning = "the largest datagram that the path carries, as far as is known",
      .source = "RFC 1191 section 3; RFC 1122 section 3.3.3",
  };
  static void run(Packet& p, Core& core) {
    p.mtu = core.paths.mtu(p.dst, core.host.mtu, core.now_ns);
  }
};

}  // namespace weft::nodes::ipv4
