#include "compiler/ir/port_block.h"

namespace weft::ir {

namespace {

PortBlock block_at(unsigned first, unsigned size) {
  return {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(65536 - size)};
}

}  // namespace

std::vector<PortBlock> blocks_of(unsigned first, unsigned last) {
  std::vector<PortBlock> out;
  for (unsigned at = first; at <= last;) {
    unsigned size = at == 0 ? 65536 : at & -at;
    while (size > last - at + 1) size /= 2;
    out.push_back(block_at(at, size));
    at += size;
  }
  return out;
}

std::vector<PortBlock> blocks_of(unsigned first, unsigned last, unsigned size) {
  std::vector<PortBlock> out;
  if (first % size != 0 || (last + 1) % size != 0) return out;
  for (unsigned at = first; at <= last; at += size) out.push_back(block_at(at, size));
  return out;
}

}  // namespace weft::ir
