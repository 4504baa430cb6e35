// Computes the checksum of a UDP datagram that will be cut into pieces: no card does that, for it
// sees one piece at a time.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/udp/checksum_fill.h"

namespace weft::nodes::udp {

struct ChecksumWhole {
  static constexpr NodeDecl decl{
      .name = "udp.checksum_whole",
      .reads = ChecksumFill::decl.reads,
      .writes = "udp.checksum",
      .meaning = "writes the UDP checksum of a datagram that leaves in pieces",
      .source = "RFC 768; RFC 1122 section 3.3.3",
  };
  static void run(Packet& p, Core& core) { ChecksumFill::run(p, core); }
};

}  // namespace weft::nodes::udp
