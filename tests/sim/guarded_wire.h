// The simulated wire with every frame in a buffer of its own, as long as the frame and the headroom
// before it: under the address sanitizer, a byte read behind the end, before the headroom or after
// the packet was freed ends the program. (A pool's buffers are large, and are never given back.)
#pragma once

#include <rte_mbuf.h>

#include <string>

#include "runtime/ports/sim_wire.h"

namespace weft::sim {

// Moves a frame out of its mbuf's buffer, which stays unused until the mbuf is freed.
void guard(rte_mbuf* m);

class GuardedWire final : public ports::Wire {
 public:
  // `wire` must outlive it.
  explicit GuardedWire(ports::SimWire& wire) : wire_(wire) {}

  const std::string& name() const override { return wire_.name(); }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override;
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override {
    return wire_.transmit(frames, n);
  }
  ports::WireCounters counters() const override { return wire_.counters(); }
  bool ended() const override { return wire_.ended(); }

 private:
  ports::SimWire& wire_;
};

// The simulated wire with frames in buffers of every shape that drivers make: at odd addresses,
// with little headroom before them, in several segments, some of them empty.
class OddWire final : public ports::Wire {
 public:
  OddWire(ports::SimWire& wire, rte_mempool* pool) : wire_(wire), pool_(pool) {}

  const std::string& name() const override { return wire_.name(); }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override;
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override {
    return wire_.transmit(frames, n);
  }
  ports::WireCounters counters() const override { return wire_.counters(); }
  bool ended() const override { return wire_.ended(); }

 private:
  void reshape(rte_mbuf* m);
  ports::SimWire& wire_;
  rte_mempool* pool_;
  unsigned number_ = 0;
};

}  // namespace weft::sim
