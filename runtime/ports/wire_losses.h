// Frames that the kernel dropped between a wire and DPDK's driver: counted exactly, where the
// driver itself does not pass them on.
//
//   tap        the interface's tx_dropped: did not fit into the device's queue
//   af_packet  PACKET_STATISTICS of the driver's socket: did not fit into its ring (packet(7))
//   af_xdp     XDP_STATISTICS of the driver's socket: receive ring full, or no buffer in the fill
//              ring (linux/if_xdp.h). The driver reports only the second.
//   others     none: a full ring makes the peer keep the frame, and count it there
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/ports/wire_name.h"

namespace weft::ports {

class WireLosses {
 public:
  // Before the device is made: its sockets are those that are new when it is there.
  explicit WireLosses(const WireName& wire);
  // When the device has been started.
  void attach();

  // Since attach().
  std::uint64_t count() const;
  // Becomes readable when a frame comes for one of the driver's queues; nullopt: nothing here does.
  std::optional<int> readable(std::uint16_t queue, std::uint16_t queues) const;
  // The driver's own count of receive errors says the same again: it must not be added.
  bool replaces_missed() const;

 private:
  std::uint64_t sockets_lost() const;
  std::uint32_t interface_lost() const;

  WireName wire_;
  int domain_ = 0;  // of the driver's sockets; 0: it has none that tell anything
  std::set<int> before_;
  std::vector<int> sockets_;  // the driver's
  mutable std::mutex lock_;
  mutable std::uint64_t ring_lost_ = 0;  // PACKET_STATISTICS go back to 0 when they are read
  std::uint64_t at_start_ = 0;           // of counters that do not
  std::uint32_t interface_at_start_ = 0;
  mutable std::atomic<std::uint32_t> interface_lost_{0};
};

}  // namespace weft::ports
