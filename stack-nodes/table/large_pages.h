// Memory of large tables in pages of 2 MiB, where the system has them to spare: a lookup at random
// in hundreds of megabytes of small pages misses the translation cache as well as the data cache.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace weft {

// An allocator for standard containers. Control path only: it makes system calls.
template <class T>
struct LargePages {
  using value_type = T;
  static constexpr std::size_t page = std::size_t{2} << 20;

  LargePages() = default;
  template <class U>
  LargePages(const LargePages<U>&) {}

  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    void* memory = ::operator new(bytes, alignment(bytes));
    // A wish: where it is not granted, the same memory comes in small pages.
    if (bytes >= page) ::madvise(memory, bytes, MADV_HUGEPAGE);
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) {
    ::operator delete(memory, alignment(count * sizeof(T)));
  }
  bool operator==(const LargePages&) const = default;

 private:
  static std::align_val_t alignment(std::size_t bytes) {
    return std::align_val_t(bytes >= page ? page : alignof(T));
  }
};

}  // namespace weft
