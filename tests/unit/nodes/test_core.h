// A net core whose buffers are plain memory of exactly the size asked for, so that a sanitizer sees
// every byte too far, and that knows at any time which buffers are alive.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <tuple>

#include "stack-nodes/core.h"
#include "stack-nodes/tcp/machine/path_error.h"
#include "tests/unit/nodes/packet_builder.h"

namespace weft::test {

class HeapServices : public Services {
 public:
  static constexpr std::size_t headroom = 128;

  bool allocate(Packet& p, std::uint32_t room) override {
    if (refuse) return false;
    Bytes buffer(headroom + room, 0xa5);
    p.data = buffer.data() + headroom;
    p.len = 0;
    p.buffer = buffer.data();
    live.emplace(p.buffer, std::move(buffer));
    return true;
  }
  void free_buffer(void* buffer) override {
    EXPECT_EQ(live.erase(buffer), 1u) << "a buffer freed twice, or never given out";
  }
  bool tell_neighbour(std::uint32_t address, std::uint64_t mac, bool create) override {
    if (ring_full) return false;
    told.emplace_back(address, mac, create);
    return true;
  }
  // The buffer changes hands: it lives on as the other shard's.
  bool hand_over(nodes::Slot slot, unsigned shard, Packet& p) override {
    if (ring_full) return false;
    handed.emplace_back(slot, shard, p);
    return true;
  }

  bool tell_path(std::uint32_t address, std::uint16_t mtu) override {
    if (ring_full) return false;
    paths.emplace_back(address, mtu);
    return true;
  }

  bool tell_connection(const tcp::PathError& error) override {
    if (ring_full) return false;
    errors.push_back(error);
    return true;
  }

  bool refuse = false;
  bool ring_full = false;
  std::map<void*, Bytes> live;
  std::vector<std::tuple<std::uint32_t, std::uint64_t, bool>> told;
  std::vector<std::pair<std::uint32_t, std::uint16_t>> paths;
  std::vector<tcp::PathError> errors;
  std::vector<std::tuple<nodes::Slot, unsigned, Packet>> handed;
};

struct TestCore : Core {
  HeapServices heap;
  Owners table_of_owners;  // a test that wants it points `owners` there

  TestCore() {
    services = &heap;
    host.mac = our_mac;
    host.address = our_address;
    host.broadcast = 0x0a0000ff;
    addresses.add(our_address, 24);
    now_ns = 1'000'000'000;
  }
  TestCore(const TestCore&) = delete;

  // The frame as it comes from the wire.
  Packet packet(const Bytes& frame) {
    Packet p;
    EXPECT_TRUE(heap.allocate(p, static_cast<std::uint32_t>(frame.size())));
    std::memcpy(p.data, frame.data(), frame.size());
    p.len = static_cast<std::uint32_t>(frame.size());
    return p;
  }
  // The same behind eth.open, vlan.pop, ipv4.open and ipv4.local.
  Packet opened(const Bytes& frame) {
    Packet p = packet(frame);
    if (wire::ethertype(p) == 0x8100) {
      p.vlan_id = wire::load16(p.data + 14) & 0xfff;
      p.l3 = 18;
    }
    if (wire::ethertype(p) == 0x0800) {
      p.l4 = static_cast<std::uint16_t>(p.l3 + (p.data[p.l3] & 15) * 4);
      p.end = std::uint32_t{p.l3} + wire::load16(p.data + p.l3 + 2);
      p.cast = addresses.find(wire::load32(p.data + p.l3 + 16));
    }
    return p;
  }
  PacketList& slot(nodes::Slot s) { return spawned[static_cast<std::size_t>(s)]; }
};

inline Bytes frame_of(const Packet& p) { return Bytes(p.data, p.data + p.len); }

}  // namespace weft::test
