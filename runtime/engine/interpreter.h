// Runs a residue node by node, each for all packets of the batch that come by, calling the same
// bodies that generated code fuses: for machines without a compiler, for traces, and as the oracle
// of differential tests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/edges.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"
#include "runtime/engine/batch_code.h"
#include "runtime/engine/graph_code.h"
#include "runtime/engine/runner.h"

namespace weft::engine {

class Interpreter final : public ResidueRunner {
 public:
  // `core` gives the host's parameters. The graph is not needed any more afterwards. Errors: those
  // of compile_graph.
  static diag::Result<std::unique_ptr<Interpreter>> make(const ir::Graph& graph,
                                                         const ir::FieldTable& fields,
                                                         const Core& core);

  void receive(Core& core, Frame* const* frames, unsigned n) override;
  void send(Core& core, const Datagram* datagrams, unsigned n) override;
  void run(Core& core, Packet* packets, unsigned n, unsigned entry) override;
  std::vector<std::uint64_t> cycles() const override;
  // Runs one packet after the other: packets that take different ways then touch shared state (who
  // waits for a neighbour, limits, random numbers) in the order in which they came, as in generated
  // code. As an oracle.
  void one_by_one() { one_by_one_ = true; }
  // Times every node from now on.
  void time_nodes() { fast_.code.time(); }

  // Called for every node that a packet leaves, with the port taken, and with ~0u where its way
  // ends. May be set at any time between two runs; empty: not called, and nothing is paid for it.
  std::function<void(ir::Vertex node, unsigned port, const Packet&)> trace;

 private:
  template <class PacketOf>
  void run_each(Core& core, unsigned n, unsigned entry, PacketOf&& packet_at);

  std::vector<std::optional<ir::Vertex>> entries_;
  struct Compiled {
    BatchCode code;
    std::vector<std::uint32_t> begin;  // by vertex
    std::vector<ir::Vertex> of;        // by instruction
  };
  Compiled fast_, traced_;
  bool one_by_one_ = false;
  std::array<Packet, Batch::capacity> packets_;
  std::uint32_t first_entry_ = 0;
  std::uint32_t impossible_ = 0;
};

}  // namespace weft::engine
