// The wire of the benchmark: two rings, and mbufs that go round. Making frames and looking at
// replies is the card's and the peer's work, outside of what is measured.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "stack-nodes/core.h"

namespace weft::bench {

inline constexpr unsigned batch_size = 32;
inline constexpr std::uint64_t host_mac = 0x020000000001, peer_mac = 0x020000000002;
inline constexpr std::uint32_t host_address = 0x0a070001, peer_address = 0x0a070002;
inline constexpr std::uint16_t echo_port = 7;

// What the card says of a frame, but for one in 64, for which it says "unknown" (or "bad" every
// other time) although the sums are right.
struct CardSays {
  bool checksums = false;
  bool marks = false;
};

class Traffic {
 public:
  // Null and a message on stderr where DPDK refuses.
  static std::unique_ptr<Traffic> make(unsigned frames_per_round);
  ~Traffic();

  // Peers take turns at random among `flows` (flow f: peer_address, ports and address by f).
  void set_flows(std::uint64_t flows, CardSays says);

  // Frames of 60 bytes into `in`.
  void fill();
  // Takes replies out of `out`; the number of them. `check`: aborts with words where a reply is not
  // the right one (addresses, ports, TTL, payload, checksums or the requests for them).
  unsigned drain(bool check);

  rte_ring* in = nullptr;
  rte_ring* out = nullptr;
  unsigned frames() const { return frames_; }

 private:
  Traffic() = default;
  void write(rte_mbuf* m, std::uint64_t flow);

  unsigned frames_ = 0;
  rte_mempool* pool_ = nullptr;
  std::vector<rte_mbuf*> idle_;
  std::uint64_t flows_ = 1;
  CardSays says_;
  std::uint64_t sent_ = 0;
  std::mt19937_64 random_{1};
};

// Source of flow f.
inline std::uint32_t flow_address(std::uint64_t f) {
  return 0x0a070000 | (2 + static_cast<std::uint32_t>(f >> 15) % 1000);
}
inline std::uint16_t flow_port(std::uint64_t f) {
  return static_cast<std::uint16_t>(1024 + (f & 0x7fff));
}

// The state of one net core: `flows` connected flows, the neighbours, the routes.
std::unique_ptr<Core> make_core(std::uint64_t flows, Services& services);

class MbufServices final : public Services {
 public:
  bool allocate(Packet&, std::uint32_t) override { return false; }
  void free_buffer(void* buffer) override { rte_pktmbuf_free(static_cast<rte_mbuf*>(buffer)); }
  bool tell_neighbour(std::uint32_t, std::uint64_t, bool) override { return true; }
  bool tell_path(std::uint32_t, std::uint16_t) override { return true; }
  bool hand_over(nodes::Slot, unsigned, Packet&) override { return false; }
};

}  // namespace weft::bench
