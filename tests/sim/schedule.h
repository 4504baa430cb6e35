// When frames arrive: see traffic.h for the rules.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "runtime/ports/pcap_file.h"
#include "tests/sim/frames.h"

namespace weft::sim {

class Schedule {
 public:
  Schedule(std::uint64_t seed, int vlan);

  // Hosts on the link that are known to all shards at all times.
  static constexpr unsigned announced[] = {1, 3, 4, 5, 9, 17};
  static bool is_announced(std::uint32_t address);

  // In the current burst where that is allowed, else alone.
  void add(Bytes frame);
  // All of them in one burst of their own.
  void together(std::vector<Bytes> frames);
  // A datagram in pieces that will not be put together: its place in the table is taken for 30 s.
  void unfinished() { ++unfinished_; }
  void silence(std::uint64_t seconds);
  // The frames added from here on come after everything before has been dealt with.
  void next_burst();

  std::size_t size() const { return frames_.size(); }
  const std::vector<ports::Frame>& frames() const { return frames_; }
  // Would `frame` make state that depends on which queue it comes to?
  static bool strays(const Bytes& frame);

 private:
  void put(Bytes frame) { frames_.push_back({.time_ns = now_ns_, .bytes = std::move(frame)}); }
  void announce_when_due();

  std::mt19937_64 random_;
  int vlan_;
  std::vector<ports::Frame> frames_;
  std::uint64_t now_ns_ = 0;
  std::uint64_t announce_ns_ = 0;
  unsigned in_burst_ = 0, burst_ = 1;
  unsigned unfinished_ = 0;
};

}  // namespace weft::sim
