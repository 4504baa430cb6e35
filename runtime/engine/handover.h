// What arrives on a core that does not own its state goes to its owner: datagrams put together from
// fragments (their pieces were spread by addresses alone), neighbours that one core learned, IGMP
// messages (one core speaks for the host), and groups that applications join or leave.
#pragma once

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "stack-nodes/packet.h"
#include "stack-nodes/slots.h"
#include "stack-nodes/table/group_table.h"

namespace weft::engine {

// An endpoint's filter of a group, for all shards.
struct GroupChange {
  std::uint32_t group = 0;
  GroupTable::Member member;
};

struct Message {
  enum class Kind : std::uint32_t { datagram, neighbour, igmp, group, path };
  Kind kind = Kind::neighbour;
  std::uint32_t shard = 0;  // index of the receiver
  // neighbour:
  std::uint64_t mac = 0;
  std::uint32_t address = 0;
  std::uint32_t create = 0;
  // path (and address):
  std::uint16_t mtu = 0;
  // datagram (to be run from `slot`), igmp:
  Packet packet;
  nodes::Slot slot = nodes::Slot::ipv4_reassembled;
  // group: the receiver frees it
  GroupChange* change = nullptr;
};

// One bounded ring for each pair of net cores; each has one writer and one reader.
class Handovers {
 public:
  static constexpr unsigned ring_size = 256;

  // Errors: E0650, no memory.
  static diag::Result<std::unique_ptr<Handovers>> make(const std::string& name, unsigned cores);
  ~Handovers();
  Handovers(const Handovers&) = delete;
  Handovers& operator=(const Handovers&) = delete;

  // False when the ring is full: the message stays the caller's. (The ring copies it; its function
  // only forgot to say const.)
  bool put(unsigned from, unsigned to, const Message& message) {
    return rte_ring_sp_enqueue_elem(ring(from, to), const_cast<Message*>(&message),
                                    sizeof(Message)) == 0;
  }
  bool take(unsigned from, unsigned to, Message& message) {
    return rte_ring_sc_dequeue_elem(ring(from, to), &message, sizeof(Message)) == 0;
  }
  bool empty(unsigned from, unsigned to) const {
    return rte_ring_empty(rings_[from * cores_ + to]) != 0;
  }
  unsigned cores() const { return cores_; }

 private:
  Handovers() = default;
  rte_ring* ring(unsigned from, unsigned to) { return rings_[from * cores_ + to]; }
  unsigned cores_ = 0;
  std::vector<rte_ring*> rings_;
};

}  // namespace weft::engine
