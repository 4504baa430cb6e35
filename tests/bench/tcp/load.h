// The other end of the wire: sockets of the kernel in a namespace, used from one thread on one CPU.
#pragma once

#include <cstdint>
#include <string>

namespace weft::bench {

struct LoadOptions {
  std::string space;  // network namespace
  unsigned cpu = 0;
  double seconds = 0.5;  // of each measurement
};

// What was counted, and in which time.
struct Counted {
  double count = 0;
  double seconds = 0;
  double median_ns = 0;  // of a round trip, where those are measured
};

// All throw std::runtime_error with words when a connection fails or nothing comes.
//
// `connections` that each send a request of 64 bytes to the echo, and the next one when it is back.
// Every answer is compared with its request.
Counted requests(const LoadOptions& options, unsigned connections);
// Connections of one request: 32 at a time are opened, used, closed, opened again. They come from
// the addresses 10.7.0.1 and 10.7.0.11 to .18, so that ports do not run out.
Counted connects(const LoadOptions& options);
// Bytes of one stream to discard, as acknowledged; from chargen, as read.
Counted send_bulk(const LoadOptions& options);
Counted receive_bulk(const LoadOptions& options);

}  // namespace weft::bench
