// A wire over a port of DPDK: TAP, af_packet, pcap. One queue each way, no offloads.
#pragma once

#include <rte_mempool.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "runtime/ports/vdev.h"
#include "runtime/ports/wire.h"

namespace weft::ports {

class EthdevWire final : public Wire {
 public:
  // Makes the device, configures and starts it. `frames` is how many will come (the length of a
  // capture), ~0: no end. Errors: E0653 (see vdev_for), E0655 (it does not start).
  static diag::Result<std::unique_ptr<EthdevWire>> make(const WireName& name,
                                                        std::uint64_t kernel_mac, std::uint16_t mtu,
                                                        rte_mempool* pool, std::uint64_t frames);
  ~EthdevWire() override;

  const std::string& name() const override { return name_.text; }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override;
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override;
  WireCounters counters() const override;
  bool ended() const override { return received_.load(std::memory_order_relaxed) >= frames_; }
  // Asks the system whether the interface is still there: one system call.
  std::string failure() const override;

 private:
  EthdevWire(WireName name, std::unique_ptr<Vdev> device, std::uint64_t frames);
  std::uint32_t lost_before() const;
  // Has the interface take frames for all addresses: which of them are ours is decided by the card
  // on top. By a socket of our own, so that the kernel undoes it however this process ends.
  void promiscuous();
  // Frames that the kernel did not put into the packet socket's ring. The driver does not pass this
  // on, so its socket is asked directly: found among the descriptors that came with the device.
  std::uint64_t lost_in_ring() const;

  WireName name_;
  std::unique_ptr<Vdev> device_;
  std::uint64_t frames_;
  std::vector<int> ring_sockets_;        // the driver's
  mutable std::uint64_t ring_lost_ = 0;  // the kernel's count goes back to 0 when it is read
  mutable std::mutex ring_lock_;
  int membership_ = -1;                                   // the socket that does that
  unsigned interface_ = 0;                                // its index, 0: none
  std::uint32_t lost_at_start_ = 0;                       // the interface's own counter
  mutable std::atomic<std::uint32_t> interface_lost_{0};  // by the interface since then
  // Written by the thread that owns the wire, read by any.
  std::atomic<std::uint64_t> received_{0}, sent_{0}, send_failed_{0};
};

}  // namespace weft::ports
