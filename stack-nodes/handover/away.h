// What the handover nodes share: a packet whose state another shard owns leaves by that shard's
// ring.
#pragma once

#include "stack-nodes/core.h"

namespace weft::nodes::handover {

enum class Out { here, away, full };

// `owner` < 0: nobody has state for it, so it stays. Owners::held: nobody takes it now.
inline Out pass(Packet& p, Core& core, Slot slot, int owner) {
  if (owner < 0 || static_cast<unsigned>(owner) == core.id) [[likely]]
    return Out::here;
  if (owner == Owners::held) [[unlikely]]
    return Out::full;
  Packet away = copy_of(p);  // (what is kept in registers has no address)
  if (!core.services->hand_over(slot, static_cast<unsigned>(owner), away)) return Out::full;
  p.buffer = nullptr;
  return Out::away;
}

}  // namespace weft::nodes::handover
