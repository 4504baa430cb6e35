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

bool overlap_in_part(const std::vector<unsigned>& a, const std::vector<unsigned>& b) {
  return a != b && std::any_of(a.begin(), a.end(), [&](unsigned queue) {
           return std::find(b.begin(), b.end(), queue) != b.end();
         });
}

unsigned in_turn(const std::vector<std::uint16_t>& table) {
  if (table.empty()) return 0;
  const unsigned size = *std::max_element(table.begin(), table.end()) + 1u;
  for (std::size_t i = 0; i < table.size(); ++i)
    if (table[i] != i % size) return 0;
  return std::has_single_bit(size) ? size : 0;
}

std::string why_not_beside(const std::vector<std::uint16_t>& table,
                           const std::vector<unsigned>& queues) {
  const unsigned first = in_turn(table);
  if (first < queues.size())
    return fmt::format(
        "spreads by the indirection table, whose entries must name the first {} queues in turn, or "
        "twice as many, or four times",
        queues.size());
  if (*std::min_element(queues.begin(), queues.end()) < first)
    return fmt::format("takes no group of the first {} queues, which the indirection table names",
                       first);
  return "";
}

}  // namespace weft::ir
