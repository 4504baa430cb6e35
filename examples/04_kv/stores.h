// The store of a server: shards by key, each behind a lock, since a client may come to any net core
// and is to find the same values on all of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "store.h"

namespace kv {

class Stores {
 public:
  Stores(std::size_t limit_bytes, std::uint64_t seed, unsigned shards = 16);

  // A shard, locked while this lives.
  class Held {
   public:
    Held(std::mutex& mutex, Store& store) : lock_(mutex), store_(store) {}
    Store* operator->() { return &store_; }

   private:
    std::unique_lock<std::mutex> lock_;
    Store& store_;
  };
  Held of(std::string_view key);

  void flush(std::uint64_t at, std::uint64_t now);
  void set_limit(std::size_t bytes);
  std::size_t limit();
  Counters counters();
  void reset_counters();

  // Seconds since 1970, by a clock that only goes forward; whoever runs the server sets it.
  std::uint64_t now() const { return now_.load(std::memory_order_relaxed); }
  void set_now(std::uint64_t now) { now_.store(now, std::memory_order_relaxed); }
  std::uint64_t started() const { return started_; }
  void start(std::uint64_t now) { started_ = now, set_now(now); }

  std::atomic<std::uint64_t> connections{0}, connections_ever{0};
  std::atomic<std::uint64_t> bytes_read{0}, bytes_written{0};

 private:
  struct Shard {
    Shard(std::size_t limit, std::uint64_t seed) : store(limit, seed) {}
    std::mutex mutex;
    Store store;
  };
  std::vector<std::unique_ptr<Shard>> shards_;
  std::uint64_t seed_;
  std::uint64_t started_ = 0;
  std::atomic<std::uint64_t> now_{0};
};

// From the time that a client gives (memcached's protocol.txt, "Expiration times"): 0 never; up to
// 30 days from now; beyond that since 1970; below 0 at once.
std::uint64_t expiry_of(std::int64_t given, std::uint64_t now);

}  // namespace kv
