// A wire over a port of DPDK: TAP, af_packet, af_xdp, memif, virtio_user, vhost, ring, pcap. One
// queue each way, no offloads.
#pragma once

#include <rte_mempool.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "compiler/diag/diagnostic.h"
#include "runtime/ports/device_watch.h"
#include "runtime/ports/linear.h"
#include "runtime/ports/link_watch.h"
#include "runtime/ports/ring_port.h"
#include "runtime/ports/vdev.h"
#include "runtime/ports/wire.h"
#include "runtime/ports/wire_losses.h"

namespace weft::ports {

struct EthdevWireOptions {
  std::uint64_t kernel_mac = 0;  // of the kernel's end of a TAP, 48 bits as a number
  std::uint64_t own_mac = 0;     // told to peers that ask for one
  std::uint16_t mtu = 1500;
  TransmitLimits limits;          // of the wire's driver
  rte_mempool* copies = nullptr;  // where packets are copied to fit; null: the pool that receives
  bool scatter = false;  // frames may come in several buffers, where the driver can do that
  std::uint64_t frames = ~std::uint64_t{0};  // that will come (the length of a capture); ~0: no end
};

class EthdevWire final : public Wire {
 public:
  // Makes the device, configures and starts it. Errors: E0653 (see vdev_for), E0655 (it does not
  // start).
  static diag::Result<std::unique_ptr<EthdevWire>> make(const WireName& name, rte_mempool* pool,
                                                        const EthdevWireOptions& options);
  ~EthdevWire() override;

  const std::string& name() const override { return name_.text; }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override;
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override;
  WireCounters counters() const override;
  std::optional<std::vector<int>> wait_for() const override;
  bool ended() const override { return received_.load(std::memory_order_relaxed) >= frames_; }
  std::string failure() const override { return watch_.failure(); }
  bool link_up() const override;

 private:
  EthdevWire(const WireName& name, rte_mempool* pool, const EthdevWireOptions& options);
  diag::Result<void> open(std::uint16_t mtu, rte_mempool* pool, bool scatter);
  // Has the interface take frames for all addresses: which of them are ours is decided by the card
  // on top. By a socket of our own, so that the kernel undoes it however this process ends.
  void promiscuous();

  WireName name_;
  WireLosses losses_;
  Lineariser lineariser_;
  std::unique_ptr<Vdev> device_;
  std::unique_ptr<RingPort> rings_;
  std::uint16_t port_ = 0;
  std::uint64_t frames_;
  int membership_ = -1;  // the socket that makes the interface promiscuous
  DeviceWatch watch_;
  LinkWatch link_;
  // Written by the thread that owns the wire, read by any.
  std::atomic<std::uint64_t> received_{0}, sent_{0}, send_failed_{0};
};

}  // namespace weft::ports
