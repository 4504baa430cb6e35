// Gold flows beside more than a core can do, in simulated time: every datagram takes the core a
// fixed time, the card works on by itself, frames come at random. How long answers take, and how
// many there are.
#pragma once

#include <cstdint>

namespace weft::sim {

enum class Sharing {
  idle,       // gold flows alone, on queues of their own
  gold,       // `policy: gold`, beside twice what the core has left
  one_queue,  // the same on one queue for all
  balanced,   // the same by `policy: balance`
};

struct GoldTimes {
  double p50 = 0, p99 = 0;  // of gold flows: times that one datagram takes the core
  std::uint64_t gold = 0;   // answered
  std::uint64_t gold_sent = 0;
  double throughput = 0;  // all answers, of what the core could do at the most
};

// `gold_load`: of the core's time. Same arguments, same result. DPDK has been started.
GoldTimes gold_times(Sharing how, double gold_load);

}  // namespace weft::sim
