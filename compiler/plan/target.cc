#include "compiler/plan/target.h"

#include <fmt/format.h>

#include "compiler/plan/preview.h"

namespace weft::plan {

std::vector<unsigned> queues_of(const Filter& rule) {
  return rule.group.empty() ? std::vector{rule.queue} : rule.group;
}

std::vector<std::uint16_t> table_of(const Filter& rule) {
  const std::vector<unsigned> queues = queues_of(rule);
  std::vector<std::uint16_t> out(rule.group.empty() ? 1 : rule.entries);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint16_t>(queues[i % queues.size()]);
  return out;
}

bool same_target(const Filter& a, const Filter& b) {
  return a.queue == b.queue && a.group == b.group && a.entries == b.entries;
}

void set_queue(Filter& rule, unsigned queue) {
  rule.queue = queue;
  rule.group.clear();
  rule.entries = 0;
}

std::string target_text(const Filter& rule) {
  if (rule.group.empty()) return fmt::format("queue {}", rule.queue);
  const std::string queues = queues_text(rule.group);
  return rule.entries == 0 ? fmt::format("any of {}", queues) : fmt::format("{} by hash", queues);
}

}  // namespace weft::plan
