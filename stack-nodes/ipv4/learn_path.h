// Notes what a router said of the path to a destination.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"

namespace weft::nodes::ipv4 {

struct LearnPath {
  static constexpr NodeDecl decl{
      .name = "ipv4.learn_path",
      .reads = "meta.dst, meta.mtu, host.mtu",
      .writes = "meta.mtu",
      .state = State::replicated,
      .key = "meta.dst",
      .handover = "handover.path",
      .meaning = "the path carries no larger datagrams than a router said, but 552 bytes at least",
      .source = "RFC 1191 sections 3 and 6.3",
  };
  static void run(Packet& p, Core& core) {
    p.mtu = core.paths.learn(p.dst, p.mtu, core.host.mtu, core.now_ns);
  }
};

}  // namespace weft::nodes::ipv4
