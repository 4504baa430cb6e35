// A wire whose frames are given one by one, each in memory of exactly its own size, so that the
// sanitizer sees every byte read too far.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "runtime/ports/wire.h"

namespace weft::fuzz {

// DPDK's environment, once for each process, and its one pool of frames.
void start_dpdk();
rte_mempool* frames();

class FuzzWire final : public ports::Wire {
 public:
  std::deque<std::string> in;
  std::uint64_t most_sent = ~std::uint64_t{0};  // what goes beyond is refused

  const std::string& name() const override { return name_; }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override;
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override;
  ports::WireCounters counters() const override { return counters_; }

 private:
  std::string name_ = "fuzz";
  ports::WireCounters counters_;
};

}  // namespace weft::fuzz
