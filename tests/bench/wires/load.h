// The other end of the wire: sends UDP datagrams to an echo and counts what comes back, over packet
// sockets in a network namespace, with a fixed number of frames under way.
#pragma once

#include <cstdint>
#include <string>

namespace weft::bench {

struct LoadOptions {
  std::string space;      // network namespace, "" : this one
  std::string interface;  // in it
  unsigned frame = 64;    // bytes, without FCS
  unsigned window = 256;  // frames under way
  unsigned cpu = 0;
};

// Of one measurement.
struct LoadResult {
  double seconds = 0;
  std::uint64_t sent = 0;
  std::uint64_t echoed = 0;
};

class Load {
 public:
  // Throws std::runtime_error with words when a socket cannot be had.
  explicit Load(const LoadOptions& options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Sends and counts for so long. Frames that do not come back within 20 ms are taken as lost, and
  // others are sent in their place.
  LoadResult run(double seconds);

 private:
  unsigned send_some(unsigned n);
  unsigned receive_some();
  void answer_arp(const std::uint8_t* frame);

  LoadOptions options_;
  int in_ = -1, out_ = -1;
  std::uint8_t mac_[6] = {};
  std::uint16_t next_port_ = 0;
};

}  // namespace weft::bench
