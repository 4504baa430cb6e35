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
    const std::uint64_t a = std::uint64_t{k.src} << 32 | k.dst;
    const std::uint64_t b = std::uint64_t{k.src_port} << 16 | k.dst_port;
    const Wide first = static_cast<Wide>(a ^ seed_[0]) * (b ^ seed_[1]);
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
        if (b.keys[i] == key) return b.endpoints[i];
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
        if (b.tags[i] == 0 || !(b.keys[i] == key)) continue;
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

  struct alignas(64) Bucket {
    std::array<std::uint8_t, entries_per_bucket> tags{};  // 0: empty
    std::uint32_t passed_by = 0;  // entries that belong here or before, and lie further on
    std::array<FlowKey, entries_per_bucket> keys;
    std::array<std::uint16_t, entries_per_bucket> endpoints{};

    // The top bit of each byte whose tag equals `tag`.
    std::uint32_t matches(std::uint8_t tag) const {
      std::uint32_t x;
      std::memcpy(&x, tags.data(), 4);
      x ^= tag * 0x01010101u;
      return ~(((x & 0x7f7f7f7fu) + 0x7f7f7f7fu) | x | 0x7f7f7f7fu);
    }
  };
  static_assert(sizeof(Bucket) == 64);

  static std::uint8_t tag(std::uint64_t hash) { return static_cast<std::uint8_t>(hash >> 56) | 1; }

  std::uint16_t* slot(const FlowKey& key) {
    const std::uint64_t h = hash(key);
    for (std::size_t at = h & mask_, passed = 0; passed <= mask_; ++passed, at = (at + 1) & mask_) {
      Bucket& b = buckets_[at];
      for (unsigned i = 0; i < entries_per_bucket; ++i) {
        if (b.tags[i] != 0 && b.keys[i] == key) return &b.endpoints[i];
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
        b.keys[i] = key;
        b.endpoints[i] = endpoint;
        return;
      }
      ++b.passed_by;
    }
  }

  void resize(std::size_t count) {
    std::vector<Bucket> old(count);
    old.swap(buckets_);
    mask_ = count - 1;
    for (const Bucket& b : old) {
      for (unsigned i = 0; i < entries_per_bucket; ++i) {
        if (b.tags[i] != 0) place(b.keys[i], b.endpoints[i]);
      }
    }
  }

  std::array<std::uint64_t, 2> seed_;
  std::vector<Bucket> buckets_;  // a power of two
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace weft
