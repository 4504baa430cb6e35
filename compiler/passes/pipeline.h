// The compiler, from inputs to a proved plan. pipeline.cc reads as a table of contents.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/machine.h"
#include "compiler/ir/nic_model.h"
#include "compiler/ir/workload.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

// Cycles per node: nicmodels/costs/*.yaml. Keys are stack nodes, and "match", "item", "read".
struct Costs {
  std::string name = "default";
  std::map<std::string, double> cycles;
  std::string digest;
  double of(const std::string& key) const;  // falls back to "default", then to 1
};
diag::Result<Costs> read_costs(const std::string& path);

struct Inputs {
  ir::FieldTable fields;
  ir::Graph graph;  // as read; passes work on resolved copies
  ir::NicModel nic;
  ir::Workload workload;
  Costs costs;
  std::optional<ir::Machine> machine;  // where it is to run, if that is known
};

struct Options {
  unsigned queues = 0;  // 0: as the workload says
  unsigned cores = 0;
  unsigned gold_queues = 0;  // of policy gold; 0: as the workload says
  bool few_filters = false;  // none but those that wishes need
  bool prove = true;
  bool certify = true;  // ask Z3 whether the choice could be better
  // Seconds from the beginning after which no more is searched, certified or proved (what runs then
  // runs to its end; the plan says that it was stopped). None: no limit.
  std::optional<double> time_limit;
  // A plan that runs: what can stay as it is stays (choose_beside.h). It outlives the call.
  const plan::Plan* beside = nullptr;
  // Called after each pass with its name and a text dump; for `weft compile --dump`.
  std::function<void(const std::string& pass, const std::string& text)> dump;
};

// read is done by the caller; then resolve, verify, choose, configure, embed, place, prove, emit.
diag::Result<plan::Plan> compile(const Inputs& inputs, const Options& options);

// Checks a protocol graph by itself: stack nodes exist and their ports fit; with Z3: match ports
// exclusive and exhaustive, headers present before they are read, preconditions of nodes, every
// packet ends somewhere.
diag::Result<void> verify_graph(const ir::Graph& graph, const ir::FieldTable& fields);
// Checks a model's receive and transmit graphs the same way.
diag::Result<void> verify_nic(const ir::NicModel& nic, const ir::FieldTable& fields);

// A packet, with the card's answers about it, that the plan treats otherwise than the graph.
struct Counterexample {
  std::vector<std::pair<std::string, std::string>> fields;  // name, value; those that matter
  std::vector<std::uint8_t> frame;                          // empty for transmit entries
  std::vector<std::uint8_t> second;  // where two packets are needed: same state, other queue
  std::optional<unsigned> second_queue;
  std::map<std::string, unsigned> descriptor;  // "desc.ip_cksum" -> answer
  std::optional<unsigned> queue;               // where the card delivers it
  std::string entry;                           // "rx", "udp_send", a slot
  std::string expected;                        // terminal and effects of the protocol graph
  std::string actual;                          // those of card and residue
  std::string why;                             // one line
};

struct Verdict {
  bool proved = false;
  plan::Proof proof;
  std::optional<Counterexample> counterexample;
};

// Reads nothing but the plan and the inputs; how the plan was found does not matter.
diag::Result<Verdict> verify_plan(const plan::Plan& plan, const Inputs& inputs);

}  // namespace weft::passes
