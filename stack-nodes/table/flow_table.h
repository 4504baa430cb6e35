// Connected UDP flows: exact 4-tuple -> endpoint. A bucket is one cache line of four entries with
// their tags, so that nearly every lookup, hit or miss, touches one line; that line can be fetched
// ahead with the hash alone. An entry whose bucket is full goes into the next one that is not, and
// every bucket it passed counts it: a lookup goes on only where that count says so, and an erased
// entry leaves nothing behind.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "stack-nodes/table/large_pages.h"
#include "stack-nodes/table/owned.h"
#include "stack-nodes/table/random.h"

namespace weft {

// Host byte order, as seen from the host: src is the peer.
struct FlowKey {
  std::uint32_t src = 0;
  std::uint32_t dst = 0;
  std::uint16_t src_port = 0;
  std::uint16_t dst_port = 0;
  bool operator==(const FlowKey&) const = default;
};

class FlowTable : public Owned {
 public:
  static constexpr std::size_t entries_per_bucket = 4;

  explicit FlowTable(std::uint64_t seed = 0x5851f42d4c957f2d) : buckets_(1) {
    Random random(seed);
    seed_ = {random.next(), random.next()};
  }

  // Keyed, so that nobody who does not know the seed can choose flows that share a bucket. Two wide
  // multiplications (the way of wyhash): after one alone, keys with few bits set still show.
  std::uint64_t hash(const FlowKey& k) const {
    const Wide first = static_cast<Wide>(addresses(k) ^ seed_[0]) * (ports(k) ^ seed_[1]);
    const Wide second = static_cast<Wide>(static_cast<std::uint64_t>(first) ^ 0xa0761d6478bd642f) *
                        (static_cast<std::uint64_t>(first >> 64) ^ 0xe7037ed1a0b428db);
    return static_cast<std::uint64_t>(second) ^ static_cast<std::uint64_t>(second >> 64);
  }

  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&buckets_[hash & mask_]); }

  // The endpoint's index, or -1. `hash` is hash(key).
  int find(std::uint64_t hash, const FlowKey& key) const {
    touch("the flow table");
    std::size_t at = hash & mask_;
    for (std::size_t passed = 0; passed <= mask_; ++passed) {
      const Bucket& b = buckets_[at];
      for (std::uint32_t m = b.matches(tag(hash)); m != 0; m &= m - 1) {
        const unsigned i = static_cast<unsigned>(std::countr_zero(m)) / 8;
        if (b.holds(i, key)) [[likely]]
          return b.endpoints[i];
      }
      if (b.passed_by == 0) return -1;
      at = (at + 1) & mask_;
    }
    return -1;
  }
  int find(const FlowKey& key) const { return find(hash(key), key); }

  // False where the flow was there already; its endpoint is then replaced. Grows where needed: this
  // is the only call that allocates, and it belongs to the control path.
  bool insert(const FlowKey& key, std::uint16_t endpoint) {
    touch("the flow table");
    if (std::uint16_t* held = slot(key)) {
      *held = endpoint;
      return false;
    }
    // At 5/8 full, one lookup in ten or so goes on to a second line.
    if ((size_ + 1) * 8 > buckets_.size() * entries_per_bucket * 5) resize(buckets_.size() * 2);
    place(key, endpoint);
    ++size_;
    return true;
  }

  bool erase(const FlowKey& key) {
    touch("the flow table");
    const std::uint64_t h = hash(key);
    for (std::size_t at = h & mask_, passed = 0; passed <= mask_; ++passed, at = (at + 1) & mask_) {
      Bucket& b = buckets_[at];
      for (unsigned i = 0; i < entries_per_bucket; ++i) {
        if (b.tags[i] == 0 || !b.holds(i, key)) continue;
        b.tags[i] = 0;
        for (std::size_t on_way = h & mask_; on_way != at; on_way = (on_way + 1) & mask_) {
          --buckets_[on_way].passed_by;
        }
        --size_;
        return true;
      }
      if (b.passed_by == 0) return false;
    }
    return false;
  }

  // Room for `flows` entries without growing.
  void reserve(std::size_t flows) {
    std::size_t wanted = buckets_.size();
    while (flows * 8 > wanted * entries_per_bucket * 5) wanted *= 2;
    if (wanted > buckets_.size()) resize(wanted);
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return buckets_.size() * sizeof(Bucket); }

 private:
  __extension__ using Wide = unsigned __int128;

  // A key as two numbers, for one comparison each.
  static std::uint64_t addresses(const FlowKey& k) { return std::uint64_t{k.src} << 32 | k.dst; }
  static std::uint32_t ports(const FlowKey& k) {
    return std::uint32_t{k.src_port} << 16 | k.dst_port;
  }

  struct alignas(64) Bucket {
    std::array<std::uint8_t, entries_per_bucket> tags{};  // 0: empty
    std::uint32_t passed_by = 0;  // entries that belong here or before, and lie further on
    std::array<std::uint64_t, entries_per_bucket> addresses{};
    std::array<std::uint32_t, entries_per_bucket> ports{};
    std::array<std::uint16_t, entries_per_bucket> endpoints{};

    bool holds(unsigned i, const FlowKey& k) const {
      return addresses[i] == FlowTable::addresses(k) && ports[i] == FlowTable::ports(k);
    }
    FlowKey key(unsigned i) const {
      return {static_cast<std::uint32_t>(addresses[i] >> 32),
              static_cast<std::uint32_t>(addresses[i]), static_cast<std::uint16_t>(ports[i] >> 16),
              static_cast<std::uint16_t>(ports[i])};
    }
    // The top bit of each byte whose tag equals `tag`. (Behind a match there may be one too many,
    // of another key, which is compared anyway. Never of an empty place: there x has its top bit.)
    std::uint32_t matches(std::uint8_t tag) const {
      std::uint32_t x;
      std::memcpy(&x, tags.data(), 4);
      x ^= tag * 0x01010101u;
      return (x - 0x01010101u) & ~x & 0x80808080u;
    }
  };
  static_assert(sizeof(Bucket) == 64);
  using Buckets = std::vector<Bucket, LargePages<Bucket>>;

  static std::uint8_t tag(std::uint64_t hash) {
    return static_cast<std::uint8_t>(hash >> 56) | 0x80;
  }

  std::uint16_t* slot(const FlowKey& key) {
    const std::uint64_t h = hash(key);
    for (std::size_t at = h & mask_, passed = 0; passed <= mask_; ++passed, at = (at + 1) & mask_) {
      Bucket& b = buckets_[at];
      for (unsigned i = 0; i < entries_per_bucket; ++i) {
        if (b.tags[i] != 0 && b.holds(i, key)) return &b.endpoints[i];
      }
      if (b.passed_by == 0) return nullptr;
    }
    return nullptr;
  }

  // There is an empty slot, and the key is not there.
  void place(const FlowKey& key, std::uint16_t endpoint) {
    const std::uint64_t h = hash(key);
    for (std::size_t at = h & mask_;; at = (at + 1) & mask_) {
      Bucket& b = buckets_[at];
      for (unsigned i = 0; i < entries_per_bucket; ++i) {
        if (b.tags[i] != 0) continue;
        b.tags[i] = tag(h);
        b.addresses[i] = addresses(key);
        b.ports[i] = ports(key);
        b.endpoints[i] = endpoint;
        return;
      }
      ++b.passed_by;
    }
  }

  void resize(std::size_t count) {
    Buckets old(count);
    old.swap(buckets_);
    mask_ = count - 1;
    for (const Bucket& b : old) {
      for (unsigned i = 0; i < entries_per_bucket; ++i) {
        if (b.tags[i] != 0) place(b.key(i), b.endpoints[i]);
      }
    }
  }

  std::array<std::uint64_t, 2> seed_;
  Buckets buckets_;  // a power of two
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace weft
