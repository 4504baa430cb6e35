// Timers by number, one for each, in a hierarchical wheel (Varghese, Lauck, "Hashed and
// hierarchical timing wheels", 1987): a level for each 6 bits of the tick count, 64 lists on a
// level. A timer lies on the level of the highest bits in which its tick differs from the present
// one. Setting and cancelling are O(1); a timer moves down at most once for each level; bitmaps say
// where the next list with something in it is, so that hours without a timer are passed in one
// step.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "stack-nodes/table/large_pages.h"

namespace weft {

class TimerWheel {
 public:
  static constexpr std::uint64_t never = ~std::uint64_t{0};

  // For timers 0 .. capacity - 1. Ticks count from `now` on.
  explicit TimerWheel(std::uint32_t capacity, std::uint64_t now = 0)
      : now_(now),
        nodes_(static_cast<Node*>(allocate_zeroes((std::size_t{capacity} + 1) * sizeof(Node)))) {}

  // At the tick given, or at the next one if that is over. Set anew where it was set already.
  void set(std::uint32_t timer, std::uint64_t tick) {
    cancel(timer);
    place(timer, tick > now_ ? tick : now_ + 1);
    ++size_;
  }
  void cancel(std::uint32_t timer) {
    Node& n = nodes_[timer];
    if (n.list == 0) return;
    unlink(n);
    --size_;
  }
  void prefetch(std::uint32_t timer) const { __builtin_prefetch(&nodes_[timer]); }
  bool armed(std::uint32_t timer) const { return nodes_[timer].list != 0; }
  std::uint64_t tick_of(std::uint32_t timer) const {
    return armed(timer) ? nodes_[timer].tick : never;
  }
  std::uint32_t size() const { return size_; }
  std::uint64_t now() const { return now_; }

  // A tick at which there is something to do, or `never`. No timer is due before it; it may be that
  // a timer only moves down then.
  std::uint64_t next() const {
    for (unsigned level = 0; level < levels; ++level) {
      const unsigned at = slot(now_, level);
      // (On the lowest level the present slot counts: what is due now and has not been run.)
      const std::uint64_t later = level == 0 ? ~std::uint64_t{0} << at
                                  : at == 63 ? 0
                                             : ~std::uint64_t{0} << (at + 1);
      if (const std::uint64_t bits = used_[level] & later; bits != 0) {
        const unsigned shift = level * slot_bits;
        const std::uint64_t above =
            shift + slot_bits >= 64 ? 0 : now_ >> (shift + slot_bits) << (shift + slot_bits);
        return above | static_cast<std::uint64_t>(std::countr_zero(bits)) << shift;
      }
    }
    return never;
  }

  // Time goes on to `tick`; expire(timer) for each that is due by then, in the order of ticks. It
  // may set and cancel any timer.
  template <class Expire>
  void advance(std::uint64_t tick, Expire&& expire) {
    for (;;) {
      const std::uint64_t stop = next();
      if (stop == never || stop > tick) break;
      now_ = stop;
      unsigned level = 0;  // the highest one whose list begins at this tick and is in use
      for (unsigned l = 1; l < levels && (now_ & ((std::uint64_t{1} << (l * slot_bits)) - 1)) == 0;
           ++l) {
        if ((used_[l] >> slot(now_, l) & 1) != 0) level = l;
      }
      const unsigned list = level * slots + slot(now_, level);
      for (std::uint32_t first = heads_[list]; first != 0; first = heads_[list]) {
        const std::uint32_t timer = first - 1;
        Node& n = nodes_[timer];
        unlink(n);
        if (level != 0) {
          place(timer, n.tick);
        } else {
          --size_;
          expire(timer);
        }
      }
    }
    if (tick > now_) now_ = tick;
  }

 private:
  static constexpr unsigned slot_bits = 6;
  static constexpr unsigned slots = 64;
  static constexpr unsigned levels = 11;

  struct Node {
    std::uint64_t tick = 0;
    std::uint32_t next = 0;  // numbers plus 1; 0: none
    std::uint32_t previous = 0;
    std::uint32_t list = 0;  // plus 1; 0: not set
  };
  struct Free {
    void operator()(Node* p) const { std::free(p); }
  };

  static unsigned slot(std::uint64_t tick, unsigned level) {
    return static_cast<unsigned>(tick >> (level * slot_bits)) & (slots - 1);
  }

  void place(std::uint32_t timer, std::uint64_t tick) {
    const std::uint64_t differs = tick ^ now_;
    const unsigned level =
        differs == 0 ? 0 : static_cast<unsigned>(63 - std::countl_zero(differs)) / slot_bits;
    const unsigned list = level * slots + slot(tick, level);
    Node& n = nodes_[timer];
    n = {tick, heads_[list], 0, list + 1};
    if (n.next != 0) nodes_[n.next - 1].previous = timer + 1;
    heads_[list] = timer + 1;
    used_[level] |= std::uint64_t{1} << (list % slots);
  }

  void unlink(Node& n) {
    const unsigned list = n.list - 1;
    if (n.next != 0) nodes_[n.next - 1].previous = n.previous;
    if (n.previous != 0) {
      nodes_[n.previous - 1].next = n.next;
    } else {
      heads_[list] = n.next;
      if (n.next == 0) used_[list / slots] &= ~(std::uint64_t{1} << (list % slots));
    }
    n.list = 0;
  }

  std::uint64_t now_;
  std::unique_ptr<Node[], Free> nodes_;
  std::array<std::uint32_t, levels * slots> heads_{};
  std::array<std::uint64_t, levels> used_{};
  std::uint32_t size_ = 0;
};

}  // namespace weft
