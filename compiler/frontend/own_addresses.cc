#include "compiler/frontend/own_addresses.h"

#include <fmt/format.h>

#include "compiler/frontend/address.h"
#include "compiler/frontend/host_reader.h"

namespace weft::frontend {

bool OwnAddresses::all_own(const Range& range) {
  if (host_.address == 0) return true;
  if (own_.empty()) {
    for (const ir::OwnAddress& own : host_.addresses()) own_.insert(own.address);
  }
  std::uint64_t address = range.first;
  while (address <= range.last && own_.contains(static_cast<std::uint32_t>(address))) ++address;
  return address > range.last;
}

std::string OwnAddresses::fault_of_source(const Range& range) {
  if (prefixes_.empty()) prefixes_ = host_.addresses();
  const auto inside = [&](std::uint32_t a) { return a >= range.first && a <= range.last; };
  std::string why;
  for (const std::uint32_t end : {range.first, range.last}) {
    if (why.empty()) why = not_a_host(end);
  }
  if (range.last >= 0xe0000000 && why.empty()) why = "a group address";
  for (const ir::OwnAddress& own : prefixes_) {
    if (host_.address == 0 || !why.empty()) break;
    const std::uint32_t mask = prefix_mask(own.prefix_length);
    if (inside(own.address)) why = "the own address";
    if (own.prefix_length >= 31) continue;
    if (inside(own.address | ~mask)) why = "the broadcast address of the host's subnet";
    if (inside(own.address & mask)) why = "the network address of the host's subnet";
  }
  return why;
}

bool OwnAddresses::check_source(const Value& at, const Range& range) {
  const std::string why = fault_of_source(range);
  if (why.empty()) return true;
  at.error("E0250", fmt::format("no packet comes from `{}`: {}", at.node()->text, why));
  return false;
}

}  // namespace weft::frontend
