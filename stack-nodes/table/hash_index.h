// From a hash to the number of a record: open addressing at most half full, so that a lookup looks
// at one cache line nearly always. Entries that follow an erased one move up, so nothing is left
// behind and every step stays O(1) however long the table is in use. Room is fixed beforehand.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "stack-nodes/table/large_pages.h"

namespace weft {

class HashIndex {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  // Room for `capacity` entries; the caller keeps to it.
  explicit HashIndex(std::uint32_t capacity)
      : mask_(std::bit_ceil(std::uint64_t{capacity} * 2 + 2) - 1),
        slots_(static_cast<Slot*>(allocate_zeroes((mask_ + 1) * sizeof(Slot)))) {}

  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&slots_[hash & mask_]); }

  // The number with this hash for which same(number) holds, or `none`.
  template <class Same>
  std::uint32_t find(std::uint32_t hash, Same&& same) const {
    for (std::uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Slot& s = slots_[at];
      if (s.number == 0) return none;
      if (s.hash == hash && same(s.number - 1)) return s.number - 1;
    }
  }

  void insert(std::uint32_t hash, std::uint32_t number) {
    std::uint64_t at = hash & mask_;
    while (slots_[at].number != 0) at = (at + 1) & mask_;
    slots_[at] = {hash, number + 1};
    ++size_;
  }

  void erase(std::uint32_t hash, std::uint32_t number) {
    std::uint64_t hole = hash & mask_;
    while (slots_[hole].number != number + 1) {
      if (slots_[hole].number == 0) return;
      hole = (hole + 1) & mask_;
    }
    for (std::uint64_t at = (hole + 1) & mask_; slots_[at].number != 0; at = (at + 1) & mask_) {
      // It may move up if that does not take it before the place where its search begins.
      const std::uint64_t from_home = (at - slots_[at].hash) & mask_;
      if (from_home < ((at - hole) & mask_)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = {};
    --size_;
  }

  std::uint32_t size() const { return size_; }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t number = 0;  // plus 1; 0: empty
  };
  struct Free {
    void operator()(Slot* p) const { std::free(p); }
  };
  std::uint64_t mask_;
  std::unique_ptr<Slot[], Free> slots_;
  std::uint32_t size_ = 0;
};

}  // namespace weft
