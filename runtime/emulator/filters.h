// The filter tables of a card, with their real limits.
//
// A rule belongs to the first table, in the order in which packets meet them, that takes its
// actions, fields, mask and priority. When that table is full the rule is refused: it does not fall
// through to the next (ixgbe_flow.c: a plain 5-tuple rule that does not fit into the 128 n-tuple
// filters fails). As drivers do, validate looks at the rule alone; what depends on the rules that
// are there already (room, one mask for all, the same rule twice) only create finds out.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/ir/graph.h"
#include "runtime/emulator/pattern.h"
#include "runtime/emulator/predicate.h"

namespace weft::emulator {

// One table. Rules are kept by mask, each mask with a hash map, so that a lookup costs one probe
// for each mask in use and not one for each rule.
class FilterTable {
 public:
  struct Entry {
    Rule rule;
    unsigned shape = 0;
    std::uint64_t number = 0;  // age
  };

  static diag::Result<FilterTable> make(std::string name, const ir::FilterTable& table,
                                        const Names& names);

  const std::string& name() const { return name_; }
  const ir::FilterTable& limits() const { return limits_; }
  std::size_t size() const { return size_; }

  // Whether the table takes such a rule at all. `depth` tells how far the check came, so that of
  // several tables the one that nearly fitted gives the reason.
  std::optional<Refusal> accepts(const Rule& rule, unsigned& depth) const;
  std::optional<Refusal> insert(const Rule& rule, const Names& names, Entry*& entry);
  void erase(Entry* entry);

  // The rule that a frame hits: the highest priority number, then the oldest.
  const Rule* find(const Frame& frame, const CardState& state) const;

 private:
  static constexpr std::size_t max_fields = 12;
  using Key = std::array<std::uint64_t, max_fields>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  using Bucket = std::vector<std::unique_ptr<Entry>>;  // same value and mask, other priority
  struct Field {
    std::string name;
    Place place;
    ir::Match match;
  };
  struct Shape {
    Key mask{};
    std::vector<std::string> headers;
    Predicate present;  // all headers that the rules name are there
    std::unordered_map<Key, Bucket, KeyHash> rules;
    std::size_t size = 0;
  };

  // Value and mask of a rule in the order of fields_.
  void key_of(const Rule& rule, Key& value, Key& mask) const;
  bool overlaps(const Rule& rule, const Key& value, const Key& mask) const;
  static bool meet(const Key& a, const Key& b, const Key& common);

  std::string name_;
  ir::FilterTable limits_;
  Predicate applies_;
  std::vector<std::string> needs_;  // headers that `applies` asks for
  std::vector<Field> fields_;
  std::vector<std::unique_ptr<Shape>> shapes_;
  std::size_t size_ = 0;
  std::uint64_t next_number_ = 0;
};

// All tables of a card; hands out the handles.
class Filters {
 public:
  explicit Filters(std::vector<FilterTable> tables) : tables_(std::move(tables)) {}

  const FilterTable& table(unsigned i) const { return tables_[i]; }
  std::size_t size() const { return handles_.size(); }
  std::size_t rules_in(const std::string& table) const;  // 0 for an unknown name

  std::optional<Refusal> validate(const Rule& rule, unsigned queues) const;
  // `handle` is set on success.
  std::optional<Refusal> create(const Rule& rule, unsigned queues, const Names& names,
                                const void*& handle);
  bool destroy(const void* handle);  // false: no such rule

 private:
  std::optional<Refusal> choose(const Rule& rule, unsigned queues, unsigned& table) const;

  std::vector<FilterTable> tables_;
  std::map<const void*, unsigned> handles_;  // entry -> table
};

}  // namespace weft::emulator
