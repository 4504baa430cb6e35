// Items by key, with expiry, and a limit of memory under which the least recently used go first.
// Knows no clock (`now`: seconds since 1970) and no network; one thread at a time.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "item.h"

namespace kv {

enum class Result : std::uint8_t {
  done,
  not_stored,  // there is one already (add), or none (replace, append, prepend)
  exists,      // another client has changed it
  not_found,
  non_numeric,
  too_large,
  no_memory,
};

enum class Mode : std::uint8_t { set, add, replace, append, prepend };

struct Counters {
  std::uint64_t gets = 0, get_hits = 0, get_expired = 0, get_flushed = 0;
  std::uint64_t sets = 0, flushes = 0, touches = 0, touch_hits = 0;
  std::uint64_t delete_hits = 0, delete_misses = 0;
  std::uint64_t incr_hits = 0, incr_misses = 0, decr_hits = 0, decr_misses = 0;
  std::uint64_t cas_hits = 0, cas_misses = 0, cas_other = 0;
  std::uint64_t evicted = 0, expired_unfetched = 0, evicted_unfetched = 0;
  std::uint64_t stored = 0;            // items, ever
  std::uint64_t items = 0, bytes = 0;  // now
  Counters& operator+=(const Counters& other);
};

class Store {
 public:
  explicit Store(std::size_t limit_bytes, std::uint64_t seed)
      : map_(64, Hash{seed}), limit_(limit_bytes) {}

  // Null: there is none, or it is over. `use`: it becomes the most recently used.
  ItemRef find(std::string_view key, std::uint64_t now, bool use = true);

  // `cas` not 0: only if that is what is there. On success `item` is what is stored now (append and
  // prepend make a new one), with its new `cas`: `new_cas`, or the next number where that is 0.
  Result put(ItemRef& item, Mode mode, std::uint64_t cas, std::uint64_t now,
             std::uint64_t new_cas = 0);
  Result remove(std::string_view key, std::uint64_t cas, std::uint64_t now);
  // A decimal number of 64 bits, up (it wraps) or down (not below 0). `value`: the new one.
  Result add(std::string_view key, bool up, std::uint64_t delta, std::uint64_t cas,
             std::uint64_t now, ItemRef& item, std::uint64_t& value, std::uint64_t new_cas = 0);
  // Gives it a new expiry.
  Result touch(std::string_view key, std::uint64_t expires, std::uint64_t now, ItemRef& item);
  // All that is there at time `at` is over from then on.
  void flush(std::uint64_t at, std::uint64_t now);
  void set_limit(std::size_t bytes);
  std::size_t limit() const { return limit_; }
  std::uint64_t next_cas() { return ++last_cas_; }
  void reset_counters();

  Counters counters;

 private:
  struct Hash {
    std::uint64_t seed;
    std::size_t operator()(std::string_view key) const;
  };
  void run_flush(std::uint64_t now);
  void link(const ItemRef& item, std::uint64_t now, std::uint64_t new_cas);
  void unlink(Item& item);
  void to_front(Item& item);
  void take_out(Item& item);
  void evict();

  std::unordered_map<std::string_view, ItemRef, Hash> map_;
  Item* newest_ = nullptr;
  Item* oldest_ = nullptr;
  std::size_t limit_;
  std::uint64_t last_cas_ = 0;
  std::uint64_t last_stored_ = 0;
  std::uint64_t flushed_ = 0;   // items stored up to this number are over
  std::uint64_t flush_at_ = 0;  // 0: no flush is to come
};

// Of a key; the seed makes it unknown to clients.
std::uint64_t hash_of(std::string_view key, std::uint64_t seed);

}  // namespace kv
