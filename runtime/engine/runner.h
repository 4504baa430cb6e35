// Who runs a residue: the interpreter, node by node, or code generated from it.
#pragma once

#include <cstdint>
#include <vector>

namespace weft {
struct Core;
struct Datagram;
struct Frame;
struct Packet;
}  // namespace weft

namespace weft::engine {

// Each call takes n packets (at most PacketList::capacity) to their terminals: each is released,
// delivered, transmitted or held by a table. Counts into core.edges.
class ResidueRunner {
 public:
  virtual ~ResidueRunner() = default;
  // Frames of one segment from the card, from the entry of the wire on.
  virtual void receive(Core& core, Frame* const* frames, unsigned n) = 0;
  // Datagrams that applications send, from the entry of udp_send on.
  virtual void send(Core& core, const Datagram* datagrams, unsigned n) = 0;
  // Packets from any entry (ir/edges.h: 0 is the wire, 1 + slot otherwise).
  virtual void run(Core& core, Packet* packets, unsigned n, unsigned entry) = 0;
  // By vertex: cycles of the time stamp counter, where nodes are timed. Empty: they are not.
  virtual std::vector<std::uint64_t> cycles() const { return {}; }
};

}  // namespace weft::engine
