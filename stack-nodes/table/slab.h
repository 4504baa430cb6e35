// Records of one kind, all reserved beforehand, named by number. Taking and giving back are O(1)
// and touch the record alone; memory that was never taken is never touched, so that a table for a
// million costs what is in use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>

#include "stack-nodes/table/large_pages.h"

namespace weft {

template <class T>
class Slab {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
  static_assert(sizeof(T) >= sizeof(std::uint32_t));

  explicit Slab(std::uint32_t capacity)
      : capacity_(capacity), items_(LargePages<T>().allocate(capacity)) {}
  ~Slab() { LargePages<T>().deallocate(items_, capacity_); }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // The number of a fresh record, or `none`.
  std::uint32_t take() {
    std::uint32_t index = free_;
    if (index != none) {
      std::memcpy(&free_, static_cast<void*>(&items_[index]), sizeof(free_));
    } else if (fresh_ < capacity_) {
      index = fresh_++;
    } else {
      return none;
    }
    ++live_;
    new (&items_[index]) T{};
    return index;
  }
  void give(std::uint32_t index) {
    std::memcpy(static_cast<void*>(&items_[index]), &free_, sizeof(free_));
    free_ = index;
    --live_;
  }

  T& operator[](std::uint32_t index) { return items_[index]; }
  const T& operator[](std::uint32_t index) const { return items_[index]; }
  // The first `bytes` of a record.
  void prefetch(std::uint32_t index, std::size_t bytes = sizeof(T)) const {
    const char* at = reinterpret_cast<const char*>(&items_[index]);
    for (std::size_t line = 0; line < bytes; line += 64) __builtin_prefetch(at + line);
  }
  std::uint32_t live() const { return live_; }
  // Records below this number were taken at least once.
  std::uint32_t known() const { return fresh_; }
  std::uint32_t capacity() const { return capacity_; }
  std::uint32_t room() const { return capacity_ - live_; }

 private:
  std::uint32_t capacity_;
  T* items_;
  std::uint32_t free_ = none;  // the one given back last; each holds the number of the one before
  std::uint32_t fresh_ = 0;    // those from here on were never taken
  std::uint32_t live_ = 0;
};

}  // namespace weft
