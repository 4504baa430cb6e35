// What a router or a host on the way says of a segment that this host has sent.
#pragma once

#include <cstdint>

#include "stack-nodes/tcp/machine/sequence.h"
#include "stack-nodes/tcp/machine/tuple.h"

namespace weft::tcp {

struct PathError {
  Tuple tuple;
  Seq seq = 0;            // the segment's
  std::uint16_t mtu = 0;  // what would have passed; 0: it is about something else
  std::uint8_t why = 0;   // a reason (connection.h), as errno has it
  bool hard = false;      // nobody will ever be there (RFC 1122 section 4.2.3.9)
};

}  // namespace weft::tcp
