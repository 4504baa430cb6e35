// Rules with an RSS action: how packets of one type are hashed. Drivers that take them
// (i40e_hash.c, ice_hash.c) want a pattern without values, one type that fits it, and neither
// queues nor a key.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "runtime/emulator/filter_table.h"
#include "runtime/emulator/rss.h"

namespace weft::emulator {

class HashRules {
 public:
  // Is it one of these rules at all? (With queues it is one of a table: filters.h.)
  static bool wanted(const rte_flow_action* actions);

  // `rss`: the card's unit, or null. `handle` is set on success; it is never one of a filter.
  static std::optional<Refusal> validate(const rte_flow_attr& attr, const rte_flow_item* items,
                                         const rte_flow_action* actions, const Rss* rss);
  std::optional<Refusal> create(const rte_flow_attr& attr, const rte_flow_item* items,
                                const rte_flow_action* actions, Rss* rss, std::uintptr_t& handle);
  bool destroy(std::uintptr_t handle, Rss* rss);  // false: no such rule
  void clear() { types_.clear(); }
  std::size_t size() const { return types_.size(); }

 private:
  static constexpr std::uintptr_t first_handle = std::uintptr_t{1} << 62;
  std::map<std::uintptr_t, std::uint64_t> types_;  // by handle
  std::uintptr_t next_handle_ = first_handle;
};

}  // namespace weft::emulator
