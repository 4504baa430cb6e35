// One filter table of a card, with its real limits: what a rule may look at, how many rules fit,
// whether all must share one mask.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
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

  // The rule that a frame hits: the foremost by the table's order.
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
    std::string type;   // innermost header: "udp", "tcp", "ipv4", "eth"
    Predicate present;  // all headers that the rules name are there
    std::unordered_map<Key, Bucket, KeyHash> rules;
    std::size_t size = 0;
  };

  std::optional<Refusal> refuses_group(const std::vector<std::uint16_t>& queues) const;
  // Whether the rule names one of the sets of fields that the table is limited to.
  bool is_listed(const Key& mask) const;
  // Value and mask of a rule in the order of fields_, as far as the driver looks at them.
  void key_of(const Rule& rule, Key& value, Key& mask) const;
  std::map<std::string, std::uint64_t> registers(const Key& mask,
                                                 const std::vector<std::string>& headers) const;
  bool overlaps(const Rule& rule, const Key& value, const Key& mask) const;
  static bool meet(const Key& a, const Key& b, const Key& common);

  std::string name_;
  ir::FilterTable limits_;
  Predicate applies_;
  std::vector<std::string> needs_;  // headers that `applies` asks for
  std::vector<Field> fields_;
  std::vector<std::uint32_t> listed_;  // bit i: the set has fields_[i]; empty: any set
  std::vector<std::unique_ptr<Shape>> shapes_;
  std::size_t size_ = 0;
  std::size_t counted_ = 0;  // rules with a count action
  std::size_t grouped_ = 0;  // rules with a group of queues
  std::uint64_t next_number_ = 0;
};

}  // namespace weft::emulator
