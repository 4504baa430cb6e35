// A wire inside the process, in simulated time: frames come in at the times they are listed with,
// frames that go out are kept with the time they left.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/ports/pcap_file.h"
#include "runtime/ports/wire.h"

namespace weft::ports {

// Simulated time in nanoseconds; it stands still until somebody moves it.
struct VirtualClock {
  std::uint64_t now_ns = 0;
};

class SimWire final : public Wire {
 public:
  // Times of `in` count from its first frame, which arrives at clock.now_ns. Frames that are out of
  // order arrive when the one before them has.
  // `scatter`: a frame that is longer than a buffer comes in several.
  SimWire(std::string name, std::vector<Frame> in, const VirtualClock& clock, rte_mempool* pool,
          bool scatter = false);

  const std::string& name() const override { return name_; }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override;
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override;
  WireCounters counters() const override { return counters_; }
  bool ended() const override { return next_ == in_.size(); }
  bool link_up() const override { return link_up_; }
  void set_link(bool up) { link_up_ = up; }

  // When the next frame arrives; ~0 when there is none.
  std::uint64_t next_time() const { return ended() ? ~std::uint64_t{0} : in_[next_].time_ns; }
  const std::vector<Frame>& out() const { return out_; }
  // One more frame, that arrives now, or when those before it have.
  void add(std::vector<std::uint8_t> bytes) {
    in_.push_back({.time_ns = clock_.now_ns, .bytes = std::move(bytes)});
  }

 private:
  bool fill(rte_mbuf* m, const std::vector<std::uint8_t>& bytes);

  std::string name_;
  std::vector<Frame> in_, out_;
  std::size_t next_ = 0;
  const VirtualClock& clock_;
  rte_mempool* pool_;
  bool scatter_;
  bool link_up_ = true;
  WireCounters counters_;
};

}  // namespace weft::ports
