// What two runs must agree on: for each flow, the same frames in the same order.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/ir/workload.h"
#include "runtime/ports/pcap_file.h"
#include "tests/sim/frames.h"

namespace weft::sim {

// Which packets keep their order among each other: "arp 10.7.0.1", "udp 10.7.0.2:7
// > 10.7.0.1:40000".
std::string flow_of(const Bytes& frame);

// The frame without what is random: the identification of datagrams that the host made itself, and
// the header checksum that covers it.
Bytes normalised(Bytes frame, const ir::HostConfig& host);

// The host's own datagrams as their receiver sees them: what it cut is put together again (once all
// pieces are there; the others come last, as they are). Frames of others are left alone.
std::vector<Bytes> put_together(const std::vector<ports::Frame>& frames,
                                const ir::HostConfig& host);

using Flows = std::map<std::string, std::vector<Bytes>>;
Flows by_flow(const std::vector<ports::Frame>& frames, const ir::HostConfig& host);

// "" when every checksum of the frame is right and its lengths fit; else what is wrong. A forwarded
// datagram's transport checksum is its sender's affair.
std::string wrong_in(const Bytes& frame, const ir::HostConfig& host);

// The same for all frames, datagrams put together included; and none carries more than `mtu`.
std::string wrong_among(const std::vector<ports::Frame>& frames, const ir::HostConfig& host,
                        unsigned mtu);

// "" when equal, else the first difference.
std::string difference(const Flows& expected, const Flows& actual);

std::string hex(const Bytes& bytes, std::size_t most = 96);

}  // namespace weft::sim
