// What a stack is made with. Times in milliseconds unless the name says otherwise.
#pragma once

#include <cstdint>
#include <optional>

#include "stack-nodes/tcp/machine/connection.h"
#include "stack-nodes/tcp/machine/keyed_hash.h"

namespace weft::tcp {

struct Config {
  // Records reserved; nothing is allocated later.
  std::uint32_t connections = 1024;
  std::uint32_t listeners = 64;
  std::uint32_t chunks = 8192;
  std::uint32_t sent = 8192;    // segments in flight, of all connections
  std::uint32_t reorders = 64;  // connections with text out of order, at once

  std::uint16_t mtu = 1500;
  std::uint32_t receive_buffer = 256 * 1024;
  // To which it grows where the application reads at once what comes; 0: it stays as it is.
  std::uint32_t most_receive_buffer = 0;
  // Packets whose text waits for applications or for its turn, of all connections: each holds a
  // buffer, however little is in it. From half of it on one connection may have few.
  std::uint32_t most_waiting = ~std::uint32_t{0};
  std::uint32_t segments_of_one = 4096;  // in flight, of one connection

  Congestion congestion = Congestion::cubic;
  bool sack = true;
  bool timestamps = true;
  bool window_scaling = true;
  bool ecn = false;         // asked for; where a peer asks it is always granted
  bool syn_cookies = true;  // where a listener's backlog is full
  bool no_delay = false;    // of new connections
  bool always_cookies = false;
  std::uint8_t initial_segments = 10;  // RFC 6928

  std::uint32_t rto_initial = 1000;  // RFC 6298 section 2.1
  std::uint32_t rto_min = 200;       // above the round trip; RFC 8961 allows less than a second
  std::uint32_t rto_max = 60'000;
  std::uint32_t delayed_ack = 40;          // at most 500 (RFC 9293 MUST-40)
  std::uint32_t give_up = 924'600;         // R2 (RFC 9293 section 3.8.3): at least 100 s
  std::uint32_t give_up_syn = 183'000;     // ... of a SYN: at least 180 s
  std::uint32_t give_up_syn_ack = 63'000;  // ... of the answer to one: half-open connections
  std::uint32_t search_hole = 10'000;      // a path that seemed to be a black hole is tried again
  std::uint32_t search_path = 600'000;  // ... one of which a router said so (RFC 1191 section 6.3)
  std::uint32_t time_wait = 60'000;
  std::uint32_t fin_wait_2 = 60'000;         // of a connection that nobody reads any more
  std::uint32_t keepalive_idle = 7'200'000;  // RFC 9293 MUST-28
  std::uint32_t keepalive_interval = 75'000;
  std::uint8_t keepalive_count = 9;

  std::uint16_t first_port = 32768;  // of those picked for connect (RFC 6056)
  std::uint16_t last_port = 60999;

  std::uint64_t seed = 1;
  Secret secret{0x6a09e667f3bcc908, 0xbb67ae8584caa73b};
  std::uint64_t start_ns = 0;              // the clock when the stack is made
  std::optional<Seq> initial_sequence;     // tests: every connection's
  std::optional<std::uint32_t> ts_origin;  // tests: the timestamp at clock 0, of every connection
};

}  // namespace weft::tcp
