#include "compiler/ir/rule_order.h"

#include <algorithm>

namespace weft::ir {

unsigned levels(const FilterTable& table) {
  if (table.order == RuleOrder::none || !table.priority) return 1;
  return table.priority->second - table.priority->first + 1;
}

unsigned priority_of(const FilterTable& table, unsigned level) {
  if (!table.priority) return 0;
  return table.order == RuleOrder::lowest ? table.priority->second - level
                                          : table.priority->first + level;
}

unsigned level_of(const FilterTable& table, unsigned priority) {
  if (levels(table) == 1) return 0;
  const auto [low, high] = *table.priority;
  const unsigned known = std::clamp(priority, low, high);
  return table.order == RuleOrder::lowest ? high - known : known - low;
}

unsigned level_for(const FilterTable& table, Breadth breadth, bool over_endpoint) {
  const unsigned front = levels(table) - 1;
  if (breadth == Breadth::endpoint) return 0;
  if (breadth == Breadth::flow) return front;
  if (front > 2) return 2;
  return front > 1 || over_endpoint ? std::min(front, 1u) : 0;
}

}  // namespace weft::ir
