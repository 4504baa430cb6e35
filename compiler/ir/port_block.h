// Ports with the same upper bits: what one rule with a mask is for.
#pragma once

#include <cstdint>
#include <vector>

namespace weft::ir {

struct PortBlock {
  std::uint16_t first = 0, mask = 0;
  unsigned size() const { return 65536u - mask; }
  bool holds(std::uint16_t port) const { return (port & mask) == first; }
  auto operator<=>(const PortBlock&) const = default;
};

// The fewest that are the range together; or those of one size, a power of two, none: that is too
// large.
std::vector<PortBlock> blocks_of(unsigned first, unsigned last);
std::vector<PortBlock> blocks_of(unsigned first, unsigned last, unsigned size);

}  // namespace weft::ir
