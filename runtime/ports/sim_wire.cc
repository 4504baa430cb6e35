#include "runtime/ports/sim_wire.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

namespace weft::ports {

SimWire::SimWire(std::string name, std::vector<Frame> in, const VirtualClock& clock,
                 rte_mempool* pool, bool scatter)
    : name_(std::move(name)), in_(std::move(in)), clock_(clock), pool_(pool), scatter_(scatter) {
  const std::uint64_t first = in_.empty() ? 0 : in_.front().time_ns;
  std::uint64_t latest = clock.now_ns;
  for (Frame& frame : in_) {
    const std::uint64_t since = frame.time_ns > first ? frame.time_ns - first : 0;
    latest = std::max(latest, clock.now_ns + since);
    frame.time_ns = latest;
  }
}

// False: it does not fit, or there are no more buffers.
bool SimWire::fill(rte_mbuf* m, const std::vector<std::uint8_t>& bytes) {
  if (bytes.size() > 0xffff) return false;
  std::size_t done = 0;
  for (rte_mbuf* part = m;;) {
    const auto n = static_cast<std::uint16_t>(
        std::min<std::size_t>(bytes.size() - done, rte_pktmbuf_tailroom(part)));
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(done), n,
                rte_pktmbuf_mtod(part, char*));
    part->data_len = n;
    part->pkt_len = n;
    if (part != m) rte_pktmbuf_chain(m, part);
    done += n;
    if (done == bytes.size()) return true;
    part = scatter_ ? rte_pktmbuf_alloc(pool_) : nullptr;
    if (part == nullptr) return false;
    part->data_off = 0;  // headroom is wanted in front of the frame alone
  }
}

std::uint16_t SimWire::receive(rte_mbuf** frames, std::uint16_t n) {
  std::uint16_t got = 0;
  while (got < n && next_ < in_.size() && in_[next_].time_ns <= clock_.now_ns) {
    const Frame& frame = in_[next_];
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) break;  // it waits: simulated time has no need to lose frames
    ++next_;
    if (!fill(m, frame.bytes)) {  // longer than a buffer, as a real wire would cut it off
      rte_pktmbuf_free(m);
      ++counters_.dropped_by_wire;
      continue;
    }
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
