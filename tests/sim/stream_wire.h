// A wire with a peer that has many flows: it sends numbered datagrams, as many as it is allowed to,
// answers ARP, and looks at what comes back: is it there, and in order?
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "runtime/ports/wire.h"
#include "tests/sim/frames.h"

namespace weft::sim {

class StreamWire final : public ports::Wire {
 public:
  struct Flow {
    std::uint16_t src_port = 0;
    std::uint16_t dst_port = 7;
    std::uint32_t sent = 0;
    std::uint32_t returned = 0;
    std::uint32_t last = 0;  // number of the latest that came back
    std::uint32_t late = 0;  // came back behind a later one
  };

  // All from 10.7.0.1 to 10.7.0.2.
  StreamWire(rte_mempool* pool, unsigned flows, std::uint64_t seed);

  // So many more datagrams may come, of the first `flows` flows in random order.
  void allow(std::uint64_t datagrams) { allowed_ += datagrams; }
  std::uint64_t waiting() const { return allowed_; }

  const std::string& name() const override { return name_; }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override;
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override;
  ports::WireCounters counters() const override { return counters_; }

  std::vector<Flow> flows;
  std::uint64_t refused = 0;  // ICMP errors that came back: nobody listened
  // Called for a datagram that comes back out of order.
  std::function<void(const Flow&)> on_late;

 private:
  rte_mbuf* make(const Bytes& bytes);
  void returned(const std::uint8_t* frame, std::size_t length);

  std::string name_ = "stream";
  rte_mempool* pool_;
  std::mt19937_64 random_;
  Bytes template_;
  std::uint64_t allowed_ = 0;
  std::vector<Bytes> answers_;
  ports::WireCounters counters_;
};

}  // namespace weft::sim
