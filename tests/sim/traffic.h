// The capture of the differential test: what a kernel sent, what nobody in his right mind sends,
// and random changes of both. From a seed; same options, same frames.
//
// The stack's state is per queue (neighbours, fragments, rate limits), so two runs with other
// numbers of queues can only be compared frame by frame when nothing depends on how state is
// divided. The schedule sees to that: at most 32 frames arrive together, with time enough behind
// them for the ICMP limit to recover; ARP messages and fragments come alone; hosts on the link have
// announced themselves, all others talk by one flow only. What fills tables and limits on purpose
// comes from one flow, or from one pair of addresses, in a time of its own.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/ports/pcap_file.h"
#include "tests/sim/frames.h"

namespace weft::sim {

struct TrafficOptions {
  unsigned packets = 20'000;
  std::uint64_t seed = 1;
  int vlan = -1;              // of the host; frames are tagged with it
  std::vector<Bytes> kernel;  // untagged frames for own_mac
  // Datagrams in pieces become whole in one batch, so that more answers have to be cut than may
  // wait. Where a card spreads the pieces of one pair of addresses over queues (by their id), they
  // reach their owner one queue after the other, and all answers find room: false, for such a card,
  // has them come one after the other.
  bool whole_at_once = true;
};

std::vector<ports::Frame> traffic(const TrafficOptions& options);

}  // namespace weft::sim
