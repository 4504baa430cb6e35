// The transmit side of a card graph: what the card does to a frame between queue and wire.
#pragma once

#include <rte_mbuf.h>

#include <vector>

#include "compiler/ir/nic_model.h"
#include "runtime/emulator/predicate.h"

namespace weft::emulator {

class Transmitter {
 public:
  // The units in the order of the graph, which is a chain from `queue` to `wire`. Errors: E0642 (an
  // effect without code here, or a graph that is no such chain).
  static diag::Result<Transmitter> make(const ir::NicModel& model, const Names& names);

  // Does what the mbuf's flags ask for and the knobs allow, in place, and clears the flags: below
  // the card there is nobody who could still act on them. A request to a unit that is off is
  // ignored, as a card does: the frame goes out as it is. False: the card can't send this frame
  // (too many segments, headers not in the first one, no room for the tag); it is unchanged.
  bool prepare(rte_mbuf& packet, const CardState& state) const;

  // Is it to be cut into segments of TCP first?
  bool cuts(const rte_mbuf& packet, const CardState& state) const {
    return serves(packet, Effect::segment, state);
  }

 private:
  enum class Effect { udp_checksum, tcp_checksum, ipv4_checksum, vlan_tag, segment };
  struct Unit {
    Effect effect;
    unsigned knob;
  };

  bool serves(const rte_mbuf& packet, Effect effect, const CardState& state) const;

  std::vector<Unit> units_;
  unsigned max_segments_ = 1;
};

}  // namespace weft::emulator
