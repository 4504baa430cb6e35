// Who runs a residue: the interpreter, node by node, or code generated from it.
#pragma once

namespace weft {
struct Core;
struct Packet;
}  // namespace weft

namespace weft::engine {

class ResidueRunner {
 public:
  virtual ~ResidueRunner() = default;
  // Runs n packets (at most PacketList::capacity) from `entry` (ir/edges.h: 0 is the wire, 1 + slot
  // otherwise) to their terminals: each is released, delivered, transmitted or held by a table.
  // Counts into core.edges.
  virtual void run(Core& core, Packet* packets, unsigned n, unsigned entry) = 0;
};

}  // namespace weft::engine
