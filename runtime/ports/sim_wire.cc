#include "runtime/ports/sim_wire.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

namespace weft::ports {

SimWire::SimWire(std::string name, std::vector<Frame> in, const VirtualClock& clock,
                 rte_mempool* pool)
    : name_(std::move(name)), in_(std::move(in)), clock_(clock), pool_(pool) {
  const std::uint64_t first = in_.empty() ? 0 : in_.front().time_ns;
  std::uint64_t latest = clock.now_ns;
  for (Frame& frame : in_) {
    const std::uint64_t since = frame.time_ns > first ? frame.time_ns - first : 0;
    latest = std::max(latest, clock.now_ns + since);
    frame.time_ns = latest;
  }
}

std::uint16_t SimWire::receive(rte_mbuf** frames, std::uint16_t n) {
  std::uint16_t got = 0;
  while (got < n && next_ < in_.size() && in_[next_].time_ns <= clock_.now_ns) {
    const Frame& frame = in_[next_];
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) break;  // it waits: simulated time has no need to lose frames
    ++next_;
    char* room = frame.bytes.size() <= 0xffff
                     ? rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.bytes.size()))
                     : nullptr;
    if (room == nullptr) {  // longer than a buffer, as a real wire would cut it off
      rte_pktmbuf_free(m);
      ++counters_.dropped_by_wire;
      continue;
    }
    std::memcpy(room, frame.bytes.data(), frame.bytes.size());
    frames[got++] = m;
  }
  counters_.received += got;
  return got;
}

std::uint16_t SimWire::transmit(rte_mbuf** frames, std::uint16_t n) {
  for (std::uint16_t i = 0; i < n; ++i) {
    Frame frame{.time_ns = clock_.now_ns, .bytes = {}};
    frame.bytes.resize(rte_pktmbuf_pkt_len(frames[i]));
    const void* all =
        rte_pktmbuf_read(frames[i], 0, rte_pktmbuf_pkt_len(frames[i]), frame.bytes.data());
    if (all != frame.bytes.data() && !frame.bytes.empty())
      std::memcpy(frame.bytes.data(), all, frame.bytes.size());
    out_.push_back(std::move(frame));
    rte_pktmbuf_free(frames[i]);
  }
  counters_.sent += n;
  return n;
}

}  // namespace weft::ports
