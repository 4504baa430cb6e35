// Receive side scaling: Toeplitz hash, header types, indirection table.
//
// Sources: Microsoft, "RSS Hashing Functions"; 82599 datasheet 7.1.2.8.1; the symmetric function:
// rte_flow.h, RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ ("src, dst will be replaced by xor(src,
// dst)").
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/graph.h"
#include "runtime/emulator/predicate.h"

namespace weft::emulator {

// The hash of an input is the XOR of 32-bit windows of the key, one for each input bit that is set.
// An input may have at most key_bytes - 4 bytes.
class Toeplitz {
 public:
  Toeplitz() = default;
  explicit Toeplitz(std::span<const std::uint8_t> key);
  std::uint32_t hash(std::span<const std::uint8_t> input) const;

 private:
  std::vector<std::uint32_t> table_;  // [input byte][value]
};

class Rss {
 public:
  struct Answer {
    bool hashed = false;
    std::uint32_t hash = 0;
    std::uint16_t queue = 0;
  };

  // Errors: E0640 (predicates), E0641 (an input field that a card can't see, a type that DPDK does
  // not name, an input longer than the key allows).
  static diag::Result<Rss> make(const ir::RssUnit& unit, const Names& names);

  const ir::RssUnit& unit() const { return unit_; }
  bool predictable() const { return unit_.predictable; }
  unsigned queues() const { return queues_; }
  std::uint64_t types_offered() const { return offered_; }  // RTE_ETH_RSS_*

  // Switches spreading off (everything goes to queue 0), or on with the default key, no types, and
  // a table that names the queues in turn.
  void reset(unsigned queues, bool on, std::uint64_t spread_seed);
  // Each returns 0 or a negative errno, as rte_eth_dev_rss_hash_update and _reta_update do.
  int set_key(std::span<const std::uint8_t> key);
  int set_types(std::uint64_t types);
  int set_entry(unsigned index, std::uint16_t queue);
  int check_entry(unsigned index, std::uint16_t queue) const;
  // Toeplitz again, or the symmetric one, for one type of header.
  int set_symmetric(std::uint64_t type, bool on);

  Answer pick(const Frame& frame, const CardState& state) const;

  // Does it hash by this key, these types, and Toeplitz?
  bool hashes_by(std::span<const std::uint8_t> key, std::uint64_t types) const;
  // Of a frame, where nobody can say what a card makes of it.
  std::uint32_t stand_in(const Frame& frame) const;

 private:
  struct Type {
    std::uint64_t bit = 0;
    bool fixed = false;
    Predicate applies;
    std::vector<Place> input;
    std::vector<std::size_t> mirror;  // of each, its own number where it has none
    bool symmetric = false;
  };

  Answer spread(const Frame& frame) const;  // cards whose choice nobody can predict

  ir::RssUnit unit_;
  std::vector<Type> types_;
  std::uint64_t offered_ = 0;
  bool on_ = false;
  unsigned queues_ = 1;
  std::uint64_t enabled_ = 0;
  std::uint64_t seed_ = 0;
  std::vector<std::uint8_t> key_;
  Toeplitz toeplitz_;
  std::vector<std::uint16_t> table_;
};

// The key that drivers load when the user gives none; cycled up to the length asked for.
std::vector<std::uint8_t> default_rss_key(unsigned bytes);

}  // namespace weft::emulator
