// The proof of a running stack, carried on from one operation to the next (compiler/plan/
// operation.h). Every plan in between is proved, as verify_plan would prove it, but only what the
// operation changes is looked at:
//
// - An entry of a table is checked by itself (flow_index). That is enough, because the proof of all
//   packets sees no entry: in it the tables are unknown functions, for which only that is assumed
//   which the check of each entry establishes. So it holds for all tables whose entries pass.
// - The proof of all packets is made again where it could come out differently: other residues on
//   other queues, another range of the indirection table, the first or last rule of a table, rules
//   that are no flows. One that was made before is remembered.
// - Where a card can be predicted, it is made without the assumption that RSS brings flows to the
//   queue that owns them, if it holds without (handovers see to it). Then it covers flows on their
//   way, too: those whose rule is gone, or not there yet. Any other entry that does not fit is
//   proved with the solver, as one flow.
// - Descriptors in flight: what the card delivered before an operation is treated as the plan
// before
//   it said, so state that it needs must still be there. An operation that takes state, or a
//   residue, from a queue where such packets may wait is refused: it needs a drain first.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "compiler/passes/flow_index.h"
#include "compiler/passes/pipeline.h"
#include "compiler/plan/operation.h"

namespace weft::passes {

class DeltaProof {
 public:
  // Verifies `plan` as a whole, once. Errors: those of verify_plan; E0673 where it does not hold.
  // Inputs are those the plan was made for.
  static diag::Result<std::unique_ptr<DeltaProof>> begin(plan::Plan plan, Inputs inputs);

  // What is wanted from now on; entries follow by operations, which must agree with it.
  void want(const FlowKey& key, unsigned endpoint) { goal_[key] = endpoint; }
  void want(std::vector<ir::Endpoint> endpoints) { goal_endpoints_ = std::move(endpoints); }
  void forget(const FlowKey& key) { goal_.erase(key); }
  void want_all(const ir::Workload& workload);

  // Takes the plan one operation on. E0671: it does not fit. E0673: what it leads to is not proved,
  // or packets in flight would be treated wrongly; the plan is as it was, and `counterexample` is
  // set where there is one.
  diag::Result<void> step(const plan::Operation& operation);
  // May packets wait on this queue that the card would bring elsewhere now?
  bool waits(unsigned queue) const { return waiting_.contains(queue); }
  // Everything wanted is there, and nothing is under way.
  bool settled() const;

  const plan::Plan& plan() const { return plan_; }
  const Inputs& inputs() const { return in_; }
  // The record for the plan as it is, without its content's hash. Only where it is settled.
  plan::Proof proof() const;
  const std::optional<Counterexample>& counterexample() const { return counterexample_; }

  struct Counters {
    std::uint64_t steps = 0;
    std::uint64_t entries = 0;  // looked at
    std::uint64_t solved = 0;   // entries that took the solver
    std::uint64_t general = 0;  // proofs of all packets
    std::uint64_t queries = 0;  // of the solver
  };
  const Counters& counters() const { return counters_; }

 private:
  DeltaProof(plan::Plan plan, Inputs inputs);
  struct General {
    bool proved = false;
    bool anywhere = false;  // without the assumption that RSS brings flows home
    plan::Proof proof;
    std::optional<Counterexample> counterexample;
  };
  diag::Result<void> may(const plan::Operation& operation) const;
  std::vector<FlowKey> note(const plan::Operation& operation);
  void unnote(const plan::Operation& operation);
  diag::Result<void> check(const plan::Operation& operation, const std::vector<FlowKey>& touched);
  diag::Result<void> look_at(const FlowKey& key);
  diag::Result<void> look_at_again();
  diag::Result<const General*> general();
  std::string outline() const;
  const ir::FilterTable* table(const std::string& name) const;
  bool wanted(const plan::Operation& endpoint) const;
  bool in_flight(unsigned queue, const std::optional<FlowKey>& key) const;

  plan::Plan plan_;
  Inputs in_;  // the workload's endpoints are those of the plan
  std::unique_ptr<FlowIndex> index_;
  std::map<FlowKey, unsigned> goal_;
  std::vector<ir::Endpoint> goal_endpoints_;
  std::map<std::string, General> known_;  // by outline
  const General* holds_ = nullptr;
  std::set<FlowKey> elsewhere_;  // covered by the proof of all packets
  std::set<FlowKey> odd_;        // each proved by itself
  struct Waiting {
    bool any = false;  // whatever RSS or a rule for many sent there
    std::set<FlowKey> flows;
    std::set<std::uint32_t> marks;  // that they may bear
  };
  std::map<unsigned, Waiting> waiting_;  // by queue
  std::optional<Counterexample> counterexample_;
  Counters counters_;
};

}  // namespace weft::passes
