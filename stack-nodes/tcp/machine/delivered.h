// What one acknowledgement says.
#pragma once

#include <cstdint>

#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {

struct Tcp::Delivered {
  std::uint32_t bytes = 0;      // newly acknowledged in order
  std::uint32_t delivered = 0;  // newly known to have arrived, in order or not
  std::uint64_t rtt_ns = 0;     // of the latest segment sent once that it speaks of; 0: none
  bool advanced = false;
  bool duplicate = false;  // RFC 5681 section 2
  bool dsack = false;      // something came twice, ...
  Seq dsack_end = 0;       // ... up to here
  bool again = false;      // a retransmission of ours is among what arrived
  bool new_loss = false;
  bool reordered = false;  // something that others had overtaken
  Seq una_before = 0;
  bool echoes = false;  // it has a timestamp of this side, ...
  std::uint32_t echo = 0;

  void take_echo(const Connection& c, const Segment& s) {
    echoes = c.timestamps != 0 && s.options.has_timestamps;
    echo = s.options.ts_echo;
  }
};

}  // namespace weft::tcp
