#include "stores.h"

namespace kv {

Stores::Stores(std::size_t limit_bytes, std::uint64_t seed, unsigned shards) : seed_(seed) {
  for (unsigned i = 0; i < shards; ++i)
    shards_.push_back(std::make_unique<Shard>(limit_bytes / shards, seed));
}

// (By the upper half of the hash: the lower picks the place within the shard.)
Stores::Held Stores::of(std::string_view key) {
  Shard& shard = *shards_[(hash_of(key, seed_) >> 40) % shards_.size()];
  return {shard.mutex, shard.store};
}

void Stores::flush(std::uint64_t at, std::uint64_t now) {
  for (const auto& shard : shards_) {
    const std::lock_guard<std::mutex> lock(shard->mutex);
    shard->store.flush(at, now);
  }
}

void Stores::set_limit(std::size_t bytes) {
  for (const auto& shard : shards_) {
    const std::lock_guard<std::mutex> lock(shard->mutex);
    shard->store.set_limit(bytes / shards_.size());
  }
}

std::size_t Stores::limit() {
  std::size_t sum = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard<std::mutex> lock(shard->mutex);
    sum += shard->store.limit();
  }
  return sum;
}

Counters Stores::counters() {
  Counters sum;
  for (const auto& shard : shards_) {
    const std::lock_guard<std::mutex> lock(shard->mutex);
    sum += shard->store.counters;
  }
  sum.flushes /= shards_.size();  // each flush is one of every shard
  return sum;
}

void Stores::reset_counters() {
  for (const auto& shard : shards_) {
    const std::lock_guard<std::mutex> lock(shard->mutex);
    shard->store.reset_counters();
  }
}

std::uint64_t expiry_of(std::int64_t given, std::uint64_t now) {
  constexpr std::int64_t month = 60 * 60 * 24 * 30;
  if (given == 0) return 0;
  if (given < 0) return 1;
  return given <= month ? now + static_cast<std::uint64_t>(given)
                        : static_cast<std::uint64_t>(given);
}

}  // namespace kv
