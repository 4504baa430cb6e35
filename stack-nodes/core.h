// One net core: everything a node may touch besides the packet. Cores share nothing; what one must
// tell another goes through Services. Time, randomness and buffers come from here and from nowhere
// else, so that a stack can run in simulated time from one seed.
#pragma once

#include <array>
#include <cstdint>

#include "stack-nodes/datagram.h"
#include "stack-nodes/frame.h"
#include "stack-nodes/packet.h"
#include "stack-nodes/slots.h"
#include "stack-nodes/table/address_claims.h"
#include "stack-nodes/table/address_table.h"
#include "stack-nodes/table/flow_table.h"
#include "stack-nodes/table/group_table.h"
#include "stack-nodes/table/igmp_host.h"
#include "stack-nodes/table/neighbour_table.h"
#include "stack-nodes/table/owned.h"
#include "stack-nodes/table/owners.h"
#include "stack-nodes/table/path_table.h"
#include "stack-nodes/table/port_table.h"
#include "stack-nodes/table/random.h"
#include "stack-nodes/table/rate_limit.h"
#include "stack-nodes/table/reassembly_table.h"
#include "stack-nodes/table/route_table.h"

namespace weft {

namespace tcp {
class Tcp;
struct PathError;
}  // namespace tcp

// The parameters that predicates call host.*. All own addresses are in Core::addresses.
struct HostParams {
  std::uint64_t mac = 0;
  std::uint32_t address = 0;  // the primary one
  std::uint32_t broadcast = 0;
  std::uint16_t vlan_id = 0;
  std::uint16_t mtu = 1500;
  std::uint8_t forwarding = 0;
  std::uint8_t multicast = 0;
};

// What the engine does for nodes. Rare calls only: nothing here is on the per-packet hot path.
class Services {
 public:
  virtual ~Services() = default;
  // A fresh buffer with `room` writable bytes at data, len 0, and at least 128 bytes before data.
  // False when the pool is empty (counted by the engine).
  virtual bool allocate(Packet& p, std::uint32_t room) = 0;
  virtual void free_buffer(void* buffer) = 0;
  // Tells every other shard what an ARP message says; there the engine calls
  // core.neighbours.learn(core, address, mac, create). `create` is false for an answer that nobody
  // asked for: it completes an entry, but makes no new one. False: some ring was full.
  virtual bool tell_neighbour(std::uint32_t address, std::uint64_t mac, bool create) = 0;
  // The same for a path MTU: core.paths.learn(address, mtu, ...).
  virtual bool tell_path(std::uint32_t address, std::uint16_t mtu) = 0;
  // ... and for what became of a segment: core.tcp->path_error(error).
  virtual bool tell_connection(const tcp::PathError& error) {
    (void)error;
    return true;
  }
  // A packet that waited for a neighbour is dropped: nobody answers for its next hop.
  virtual void nobody_there(const Packet& p) { (void)p; }
  // Passes the packet to another shard, where the engine runs it from `slot`. False: the ring is
  // full and the packet is still the caller's.
  virtual bool hand_over(nodes::Slot slot, unsigned shard, Packet& p) = 0;
  // Gives an IGMP message to the core that speaks for the host; there the engine calls
  // nodes::igmp::hear. The packet's buffer is the engine's then. (Without cores: nobody hears it.)
  virtual void to_speaker(Packet& p) { (void)p; }
  // An endpoint joins a group, leaves it, or wants other sources. The engine changes core.groups
  // and core.addresses of every core, and tells the speaker's core.igmp. False: no room.
  virtual bool group_changed(std::uint32_t group, const GroupTable::Member& member) {
    (void)group, (void)member;
    return false;
  }
  // A frame with the bytes of a packet that lies in no frame, whose buffer is freed; p.data and
  // p.buffer follow. Null where there is none: the packet was released, and the engine counted it.
  virtual Frame* copy_out(Packet& p) {
    free_buffer(p.buffer);
    p.buffer = nullptr;
    return nullptr;
  }
};

// Packets of one kind waiting to be run.
struct PacketList {
  static constexpr unsigned capacity = 64;
  std::array<Packet, capacity> packets;
  unsigned count = 0;
};

struct Core {
  unsigned id = 0;
  bool alone = true;    // there is no other shard
  bool speaker = true;  // announces addresses and reports groups: one core does
  HostParams host;
  std::uint64_t now_ns = 0;  // set by the engine once per batch

  AddressTable addresses;
  AddressClaims claims;
  GroupTable groups;
  IgmpHost igmp;  // of the core that speaks for the host
  FlowTable udp_flows;
  PortTable udp_ports;
  RouteTable routes;
  NeighbourTable neighbours;
  ReassemblyTable reassembly;
  PathTable paths;
  RateLimit icmp_limit;     // ICMP errors sent
  RateLimit icmp_heard;     // ... and listened to
  tcp::Tcp* tcp = nullptr;  // null: no graph of this core has TCP
  Random random;
  Services* services = nullptr;
  const Owners* owners = nullptr;  // its net core's; null: all state is here

  // Filled by nodes and generated code during a batch, emptied by the engine after it.
  std::array<PacketList, static_cast<std::size_t>(nodes::Slot::count)> spawned;
  DatagramList delivered;          // to applications
  DatagramList sent;               // by applications, for the entry udp_send
  FrameList transmitted;           // to the wire
  std::uint64_t pieces = 0;        // fragments made (ipv4.fragment)
  std::uint64_t* edges = nullptr;  // counters, one for each out-port (ir/edges.h)
  std::uint64_t spawn_lost = 0;    // a slot, deliver or transmit list was full
  [[no_unique_address]] Owned lists;

  // From now on everything here belongs to one shard (owned.h).
  void give_to(unsigned shard) {
    addresses.give_to(shard);
    claims.give_to(shard);
    groups.give_to(shard);
    igmp.give_to(shard);
    udp_flows.give_to(shard);
    neighbours.give_to(shard);
    reassembly.give_to(shard);
    paths.give_to(shard);
    icmp_limit.give_to(shard);
    icmp_heard.give_to(shard);
    lists.give_to(shard);
  }

  void release(Packet& p) {
    if (p.buffer != nullptr) services->free_buffer(p.buffer);
    p.buffer = nullptr;
  }
  void push(PacketList& list, Packet& p) {
    lists.touch("a list of packets");
    if (list.count < PacketList::capacity) {
      list.packets[list.count++] = p;
    } else {
      ++spawn_lost;
      release(p);
    }
  }
  void spawn(nodes::Slot slot, Packet& p) { push(spawned[static_cast<std::size_t>(slot)], p); }
  void deliver(const Packet& p) {
    lists.touch("a list of datagrams");
    if (delivered.count == DatagramList::capacity) [[unlikely]]
      return lose(copy_of(p));
    Datagram& d = delivered.datagrams[delivered.count++];
    if (p.icmp_type != 0) [[unlikely]] {
      d = error_of(p);
    } else {
      fill(d, p);
    }
  }
  void transmit(const Packet& p) {
    lists.touch("a list of frames");
    if (transmitted.count == FrameList::capacity) [[unlikely]]
      return lose(copy_of(p));
    if (!in_frame(p)) [[unlikely]]
      return transmit_copy(copy_of(p));
    auto* frame = static_cast<Frame*>(p.buffer);
    transmitted.frames[transmitted.count++] = frame;
    describe(p, *frame);
  }

  // For a whole batch, asked beforehand. (A packet ends once, so that n packets need n places at
  // most.)
  bool room_for(unsigned n) const {
    return delivered.count + n <= DatagramList::capacity &&
           transmitted.count + n <= FrameList::capacity;
  }

 private:
  // (Packets come by value where that is rare, so that those of the hot path stay in registers.)
  [[gnu::noinline, gnu::cold]] void transmit_copy(Packet p) {
    if (services->copy_out(p) != nullptr) transmit(p);
  }
  [[gnu::noinline, gnu::cold]] void lose(Packet p) {
    ++spawn_lost;
    release(p);
  }
};

}  // namespace weft
