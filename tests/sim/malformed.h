// Frames that nobody in his right mind sends: every kind that the stack knows, cut off at every
// length, with options, times to live, addresses and lengths that can't be, fragments that overlap,
// and random changes of all of them. From a seed; same options, same frames.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/ports/pcap_file.h"
#include "tests/sim/frames.h"

namespace weft::sim {

struct MalformedOptions {
  unsigned kinds =
      20'000;  // frames of the differential test's capture, which come first as they are
  unsigned mutations = 10'000;
  std::uint64_t seed = 1;
  int vlan = -1;  // of the host
};

// Behind the mutations, and so much later that nothing of them is left, comes a probe: an ARP
// request, an echo request and a datagram to port 7 of a host that is well.
struct Malformed {
  std::vector<ports::Frame> frames;
  std::uint64_t probe_ns = 0;  // when it begins
};
Malformed malformed(const MalformedOptions& options);

// The probe, for a host in that VLAN.
std::vector<Bytes> probe(int vlan = -1);
// What of the probe was answered as it must be: "arp echo datagram" is all.
std::string answers_to_probe(const std::vector<ports::Frame>& out, std::uint64_t probe_ns);

}  // namespace weft::sim
