// What is compared: ways to answer UDP echo requests from one ring on another.
#pragma once

#include <memory>
#include <string>

#include "compiler/codegen/load.h"
#include "compiler/ir/fields.h"
#include "compiler/plan/plan.h"
#include "runtime/engine/runner.h"
#include "tests/bench/graph/traffic.h"

namespace weft::bench {

class Contender {
 public:
  virtual ~Contender() = default;
  // Takes one batch out of `in`, puts the replies into `out`. False when `in` was empty.
  virtual bool batch(rte_ring* in, rte_ring* out) = 0;
};

// The stack's engine loop around a residue: receive, the echo, send.
class Stack final : public Contender {
 public:
  Stack(Core& core, const weft_residue& residue) : core_(core), residue_(residue) {}
  bool batch(rte_ring* in, rte_ring* out) override;

 private:
  Core& core_;
  const weft_residue residue_;
};
// The same around the interpreter.
class Interpreted final : public Contender {
 public:
  Interpreted(Core& core, engine::ResidueRunner& runner) : core_(core), runner_(runner) {}
  bool batch(rte_ring* in, rte_ring* out) override;

 private:
  Core& core_;
  engine::ResidueRunner& runner_;
};

// One loop, written by hand, with the same checks, the same tables and the same reply.
// `prefetched`: two loops, the first up to the flow table.
std::unique_ptr<Contender> hand_fused(Core& core, bool prefetched);

// The same loop behind a card that checks sums and marks flows: without all that such a card
// spares.
std::unique_ptr<Contender> behind_card(Core& core);

// The same work in six nodes of DPDK's librte_graph. At most one at a time.
std::unique_ptr<Contender> librte_graph(Core& core, rte_ring* in, rte_ring* out);

}  // namespace weft::bench
