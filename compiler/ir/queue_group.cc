#include "compiler/ir/queue_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <set>

namespace weft::ir {

std::string why_no_group(const QueueGroups& groups, const std::vector<unsigned>& queues) {
  const std::size_t size = queues.size();
  if (size < groups.min || size > groups.max)
    return fmt::format("takes groups of {} to {} queues, not of {}", groups.min, groups.max, size);
  if (groups.power_of_two && !std::has_single_bit(size))
    return fmt::format("takes groups of a power of two of queues, not of {}", size);
  if (groups.contiguous) {
    const auto apart = [](unsigned a, unsigned b) { return b != a + 1; };
    if (std::adjacent_find(queues.begin(), queues.end(), apart) != queues.end())
      return "takes groups of queues one behind the other";
  }
  if (std::set(queues.begin(), queues.end()).size() != size) return "takes each queue once";
  return "";
}

}  // namespace weft::ir
