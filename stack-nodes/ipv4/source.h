// The source address of a datagram whose sender names none.
#pragma once

#include "stack-nodes/core.h"

namespace weft::nodes::ipv4 {

// RFC 1122 section 3.3.4.3: an address of the subnet by which the datagram leaves.
[[gnu::noinline]] inline std::uint32_t source_among_several(const Core& core, std::uint32_t dst) {
  const std::uint32_t hop = core.routes.lookup(dst);
  return core.addresses.nearest(hop != 0 ? hop : dst);
}
inline std::uint32_t source_towards(const Core& core, std::uint32_t dst) {
  if (core.addresses.only_one()) [[likely]]
    return core.host.address;
  return source_among_several(core, dst);
}

}  // namespace weft::nodes::ipv4
