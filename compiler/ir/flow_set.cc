#include "compiler/ir/flow_set.h"

#include <fmt/format.h>

#include <bit>

namespace weft::ir {

std::string sources_of(const FlowSet& set) {
  const std::uint32_t a = set.src;
  std::string out = fmt::format("{}.{}.{}.{}", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
  const int length = std::popcount(set.src_mask);
  if (length < 32) out += fmt::format("/{}", length);
  const unsigned last = set.src_port | static_cast<std::uint16_t>(~set.src_port_mask);
  if (set.src_port_mask != 0 && last == set.src_port) {
    out += fmt::format(" port {}", set.src_port);
  } else if (set.src_port_mask != 0) {
    out += fmt::format(" ports {}-{}", set.src_port, last);
  } else if (length == 32) {
    out += " any port";
  }
  return out;
}

void FlowSets::add(const FlowSet& s, unsigned number) {
  by_masks_[{s.src_mask, s.src_port_mask}][{s.src, s.src_port, s.dst, s.dst_port}] = number;
}

std::optional<unsigned> FlowSets::find(std::uint32_t src, std::uint16_t src_port, std::uint32_t dst,
                                       std::uint16_t dst_port) const {
  for (const auto& [masks, sets] : by_masks_) {
    const auto port = static_cast<std::uint16_t>(src_port & masks.second);
    const auto at = sets.find({src & masks.first, port, dst, dst_port});
    if (at != sets.end()) return at->second;
  }
  return std::nullopt;
}

}  // namespace weft::ir
