// A wire whose end is code of a test: it sees every IPv4 datagram that the stack sends, and sends
// frames, each some time later. ARP is answered for everybody on the link but those who are silent.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "runtime/ports/sim_wire.h"
#include "tests/sim/frames.h"
#include "tests/sim/timed_wire.h"

namespace weft::sim {

class PeerWire final : public TimedWire {
 public:
  PeerWire(rte_mempool* pool, const ports::VirtualClock& clock) : pool_(pool), clock_(clock) {}

  std::function<void(const Bytes&)> on_datagram;
  std::set<std::uint32_t> silent;
  void send(Bytes frame, std::uint64_t after_ns = 100'000);

  bool work() override { return false; }
  std::uint64_t next_ns() const override {
    return frames_.empty() ? ~std::uint64_t{0} : frames_.begin()->first;
  }
  const std::string& name() const override { return name_; }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override;
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override;
  ports::WireCounters counters() const override { return counters_; }

 private:
  void came(const Bytes& frame);

  std::string name_ = "peer";
  rte_mempool* pool_;
  const ports::VirtualClock& clock_;
  std::multimap<std::uint64_t, Bytes> frames_;  // by the time at which they arrive
  ports::WireCounters counters_;
};

}  // namespace weft::sim
