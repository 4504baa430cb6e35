// The rings between net cores: what arrived on a core that does not own its state goes to the one
// that does. Packets (stack-nodes/handover says which), what a shard learned of a neighbour or of a
// path, IGMP messages (one core speaks for the host), and groups that applications join or leave.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/engine/spsc_ring.h"
#include "stack-nodes/packet.h"
#include "stack-nodes/table/group_table.h"
#include "stack-nodes/table/owners.h"
#include "stack-nodes/tcp/machine/path_error.h"

namespace weft::engine {

// An endpoint's filter of a group, for all shards.
struct GroupChange {
  std::uint32_t group = 0;
  GroupTable::Member member;
};

// A packet that goes on where its state is.
struct Handed {
  std::uint32_t shard = 0;  // index of the receiver
  std::uint32_t entry = 0;  // of ir/edges.h
  Packet packet;
};

// What a shard has to know before it runs packets that came later.
struct News {
  enum class Kind : std::uint32_t { neighbour, path, igmp, group, connection };
  Kind kind = Kind::neighbour;
  std::uint32_t shard = 0;  // index of the receiver
  // neighbour:
  std::uint64_t mac = 0;
  std::uint32_t address = 0;
  bool create = false;
  // path (and address):
  std::uint16_t mtu = 0;
  // igmp:
  Packet packet;
  // group: the receiver frees it
  GroupChange* change = nullptr;
  // connection:
  tcp::PathError error;
};

// Two bounded rings for each pair of net cores, and from each to itself, for its other shards.
class Handovers {
 public:
  static constexpr unsigned ring_size = 256;

  explicit Handovers(unsigned cores) : cores_(cores), told_(cores * cores, 0) {
    for (unsigned i = 0; i < cores * cores; ++i) {
      packets_.push_back(std::make_unique<SpscRing<Handed>>(ring_size));
      news_.push_back(std::make_unique<SpscRing<News>>(ring_size));
    }
  }

  // False when the ring is full: what it holds stays the caller's.
  bool put(unsigned from, unsigned to, const Handed& handed) {
    told_[from * cores_ + to] = 1;
    return packets_[from * cores_ + to]->put(handed);
  }
  bool put(unsigned from, unsigned to, const News& news) {
    told_[from * cores_ + to] = 1;
    return news_[from * cores_ + to]->put(news);
  }
  bool take(unsigned from, unsigned to, Handed& handed) {
    return packets_[from * cores_ + to]->take(handed);
  }
  bool take(unsigned from, unsigned to, News& news) {
    return news_[from * cores_ + to]->take(news);
  }
  unsigned cores() const { return cores_; }
  // By `from`: has it put something for `to` since it last asked?
  bool told(unsigned from, unsigned to) {
    const bool it_has = told_[from * cores_ + to] != 0;
    told_[from * cores_ + to] = 0;
    return it_has;
  }

 private:
  unsigned cores_;
  std::vector<std::unique_ptr<SpscRing<Handed>>> packets_;
  std::vector<std::unique_ptr<SpscRing<News>>> news_;
  std::vector<std::uint8_t> told_;  // each written and read by one core
};

// Which net core runs which shard. Filled once, then only read.
struct Placement {
  std::vector<unsigned> core_of;  // by shard
};

}  // namespace weft::engine
