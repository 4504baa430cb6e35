// A bounded queue from one thread to one other. Not DPDK's ring: that one orders memory by compiler
// barriers alone, which a thread sanitizer cannot see, and these rings are what it is to look at.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace weft::engine {

template <class T>
class SpscRing {
 public:
  // Holds `size` elements, a power of two.
  explicit SpscRing(std::size_t size) : slots_(std::make_unique<T[]>(size)), mask_(size - 1) {}

  // By the writer. False: no room.
  bool put(const T& value) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ > mask_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ > mask_) return false;
    }
    slots_[tail & mask_] = value;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // By the reader. False: nothing there.
  bool take(T& value) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head == tail_seen_) return false;
    }
    value = slots_[head & mask_];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  bool empty() const {
    return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
  }

 private:
  std::unique_ptr<T[]> slots_;
  const std::size_t mask_;
  // Each side has its own cache line, with what it last saw of the other.
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::size_t head_seen_ = 0;
  alignas(64) std::atomic<std::size_t> head_{0};
  std::size_t tail_seen_ = 0;
};

}  // namespace weft::engine
