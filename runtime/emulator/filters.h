// The filter tables of a card, with their real limits.
//
// A rule belongs to the first table, in the order in which packets meet them, that takes its
// actions, fields, mask and priority. When that table is full the rule is refused: it does not fall
// through to the next (ixgbe_flow.c: a plain 5-tuple rule that does not fit into the 128 n-tuple
// filters fails). As drivers do, validate looks at the rule alone; what depends on the rules that
// are there already (room, one mask for all, the same rule twice) only create finds out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/emulator/filter_table.h"

namespace weft::emulator {

// All tables of a card. A handle is a number that is never given twice, so that a stale one can't
// destroy the rule that came after it.
class Filters {
 public:
  explicit Filters(std::vector<FilterTable> tables) : tables_(std::move(tables)) {}

  const FilterTable& table(unsigned i) const { return tables_[i]; }
  std::size_t size() const { return handles_.size(); }
  std::size_t rules_in(const std::string& table) const;  // 0 for an unknown name

  std::optional<Refusal> validate(const Rule& rule, unsigned queues) const;
  // `handle` is set on success; it is never 0.
  std::optional<Refusal> create(const Rule& rule, unsigned queues, const Names& names,
                                std::uintptr_t& handle);
  bool destroy(std::uintptr_t handle);            // false: no such rule
  const Rule* rule(std::uintptr_t handle) const;  // null: no such rule

 private:
  std::optional<Refusal> choose(const Rule& rule, unsigned queues, unsigned& table) const;

  struct Where {
    unsigned table = 0;
    FilterTable::Entry* entry = nullptr;
  };

  std::vector<FilterTable> tables_;
  std::map<std::uintptr_t, Where> handles_;
  std::uintptr_t next_handle_ = 1;
};

}  // namespace weft::emulator
