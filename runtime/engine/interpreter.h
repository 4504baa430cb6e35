// Walks a residue packet by packet and node by node, calling the same bodies that generated code
// fuses: for machines without a compiler, for traces, and as the oracle of differential tests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/edges.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"
#include "runtime/engine/predicate.h"
#include "runtime/engine/runner.h"

namespace weft::engine {

class Interpreter final : public ResidueRunner {
 public:
  // `core` gives the host's parameters. The graph is copied into steps and not needed any more.
  // Errors: E0620 (see Predicate), E0621 (no such stack node, or its ports do not fit).
  static diag::Result<std::unique_ptr<Interpreter>> make(const ir::Graph& graph,
                                                         const ir::FieldTable& fields,
                                                         const Core& core);

  void run(Core& core, Packet* packets, unsigned n, unsigned entry) override;

  // Called after every node with the port taken (~0u at a terminal), before its effect on where the
  // packet goes. For traces; empty by default.
  std::function<void(ir::Vertex node, unsigned port, const Packet&)> trace;

 private:
  static constexpr std::uint32_t nowhere = ~std::uint32_t{0};
  enum class Kind : std::uint8_t {
    match,
    test,
    all,
    any,
    effect,
    pass,
    release,
    deliver,
    transmit
  };
  using Body = unsigned (*)(Packet&, Core&);

  struct Exit {
    std::uint32_t next = nowhere;     // step; nowhere: the plan says that it can't be taken
    std::uint32_t counter = nowhere;  // nowhere: derived, not counted
  };
  struct Case {
    bool has_when = false;
    Predicate when;
    Body test = nullptr;
    std::uint32_t port = 0;
  };
  struct Step {
    Kind kind = Kind::release;
    Body body = nullptr;               // test, effect
    std::vector<Case> cases;           // match: ports; all, any: items
    std::vector<std::uint32_t> ports;  // effect, test: port of the body -> port of the node
    std::vector<Exit> exits;           // by port of the node
    std::uint32_t carried = nowhere;   // port 0: the packet's buffer goes on there
  };

  diag::Result<Step> step(const ir::Graph& graph, ir::Vertex v, const ir::EdgeTable& edges,
                          const ir::FieldTable& fields, const Core& core);
  diag::Result<void> items(Step& made, const ir::Graph& graph, ir::Vertex v,
                           const ir::FieldTable& fields, const Core& core);
  diag::Result<void> body(Step& made, const ir::Graph& graph, ir::Vertex v);

  void walk(Core& core, Packet& p, std::uint32_t at) const;
  std::uint32_t port_of(const Step& step, Packet& p, Core& core) const;

  std::vector<Step> steps_;  // by vertex
  std::vector<std::uint32_t> entries_;
  std::uint32_t first_entry_ = 0;
  std::uint32_t impossible_ = 0;
};

}  // namespace weft::engine
