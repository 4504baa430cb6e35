// A wire: raw frames in, raw frames out, nothing else. It lies under the emulated card.
// A wire is used by one thread: the one that calls Card::poll (the first net core).
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::ports {

struct WireCounters {
  std::uint64_t received = 0;         // frames given to the card
  std::uint64_t dropped_by_wire = 0;  // arrived at the machine, never given to the card
  std::uint64_t sent = 0;
  std::uint64_t send_failed = 0;  // refused by the device for good, and freed
  std::uint64_t linearised = 0;   // of those sent, copied because the driver takes no such packet
};

class Wire {
 public:
  virtual ~Wire() = default;
  virtual const std::string& name() const = 0;  // "tap:weft0"

  // Up to n frames. The caller owns the mbufs; each frame begins with the pool's headroom, is
  // without FCS and has ol_flags 0. Where the driver scatters, long frames have several segments.
  virtual std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) = 0;

  // Takes n frames and owns all of them: what it can't send after a few tries it frees and counts
  // as send_failed. Frames may have several segments. Returns how many went out.
  virtual std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) = 0;

  virtual WireCounters counters() const = 0;

  // Descriptors that become readable when a frame comes; nullopt: it has to be polled.
  virtual std::optional<std::vector<int>> wait_for() const { return std::nullopt; }

  // True when no frame will ever come again (end of a capture, device gone): see failure().
  virtual bool ended() const { return false; }
  // Why the wire is gone, in words; "" while it is well or when its input simply ended.
  virtual std::string failure() const { return {}; }
  // Whether the other end is there. May be asked by any thread.
  virtual bool link_up() const { return true; }
};

}  // namespace weft::ports
