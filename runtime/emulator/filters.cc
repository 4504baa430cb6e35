#include "runtime/emulator/filters.h"

#include <fmt/format.h>

#include <cerrno>

namespace weft::emulator {

std::size_t Filters::rules_in(const std::string& table) const {
  for (const FilterTable& t : tables_)
    if (t.name() == table) return t.size();
  return 0;
}

std::optional<Refusal> Filters::choose(const Rule& rule, unsigned queues, unsigned& table) const {
  if (tables_.empty())
    return Refusal{ENOTSUP, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, nullptr,
                   "the card has no filter tables"};
  if (rule.queue && *rule.queue >= queues)
    return Refusal{EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, nullptr,
                   fmt::format("queue {} of {}", *rule.queue, queues)};
  for (const std::uint16_t queue : rule.group)
    if (queue >= queues)
      return Refusal{EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, nullptr,
                     fmt::format("queue {} of {}", queue, queues)};
  std::optional<Refusal> reason;
  unsigned farthest = 0;
  for (unsigned i = 0; i < tables_.size(); ++i) {
    unsigned depth = 0;
    auto no = tables_[i].accepts(rule, depth);
    if (!no) {
      table = i;
      return std::nullopt;
    }
    if (!reason || depth > farthest) {
      reason = std::move(no);
      farthest = depth;
    }
  }
  return reason;
}

std::optional<Refusal> Filters::validate(const Rule& rule, unsigned queues) const {
  unsigned table = 0;
  return choose(rule, queues, table);
}

std::optional<Refusal> Filters::create(const Rule& rule, unsigned queues, const Names& names,
                                       std::uintptr_t& handle) {
  unsigned table = 0;
  if (auto no = choose(rule, queues, table)) return no;
  FilterTable::Entry* entry = nullptr;
  if (auto no = tables_[table].insert(rule, names, entry)) return no;
  handle = next_handle_++;
  handles_.emplace(handle, Where{table, entry});
  return std::nullopt;
}

const Rule* Filters::rule(std::uintptr_t handle) const {
  const auto found = handles_.find(handle);
  return found == handles_.end() ? nullptr : &found->second.entry->rule;
}

bool Filters::destroy(std::uintptr_t handle) {
  const auto found = handles_.find(handle);
  if (found == handles_.end()) return false;
  tables_[found->second.table].erase(found->second.entry);
  handles_.erase(found);
  return true;
}

}  // namespace weft::emulator
