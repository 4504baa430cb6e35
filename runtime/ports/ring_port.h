// A port of DPDK whose queues are rings in this process: what `ring:NAME` stands for. The other
// ends of the rings are for a benchmark, a test, or another stack in the same process.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::ports {

class RingPort {
 public:
  static constexpr unsigned slots = 1024;  // of a ring; one stays empty

  // `queues` rings each way, called NAME.rx0, NAME.tx0, ...: a ring that exists already is used, so
  // that two ports with `crossed` in one of them are the two ends of one wire. Errors: E0653.
  static diag::Result<std::unique_ptr<RingPort>> make(const std::string& name, unsigned queues,
                                                      bool crossed = false);
  ~RingPort();
  RingPort(const RingPort&) = delete;
  RingPort& operator=(const RingPort&) = delete;

  std::uint16_t port() const { return port_; }
  rte_ring* receive_ring(unsigned queue) const { return rx_[queue]; }   // the port receives from it
  rte_ring* transmit_ring(unsigned queue) const { return tx_[queue]; }  // the port sends into it

 private:
  RingPort() = default;
  std::uint16_t port_ = 0;
  bool made_ = false;                      // the port
  std::vector<rte_ring*> rx_, tx_, ours_;  // ours: made here, and freed here
};

}  // namespace weft::ports
