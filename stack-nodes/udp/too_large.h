// Refuses a datagram that may not be cut and is too large for its path.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"

namespace weft::nodes::udp {

struct TooLarge {
  static constexpr NodeDecl decl{
      .name = "udp.too_large",
      .writes = "meta.icmp_type, meta.icmp_code, meta.icmp_word, meta.src",
      .assigns = "meta.icmp_type = 3; meta.icmp_code = 4; meta.icmp_word = 0; meta.src = 0",
      .meaning = "tells the sender what a router would: too large, and not to be cut",
      .source = "RFC 1122 section 3.3.3; RFC 1191 section 6.1",
  };
  static void run(Packet& p, Core&) {
    p.icmp_type = 3;
    p.icmp_code = 4;
    p.icmp_word = 0;
    p.src = 0;  // the host itself says so
  }
};

}  // namespace weft::nodes::udp
