// Decides and proves changes of a running stack, one after the other, with everything that the next
// one needs kept warm: counters of queues and tables, the index of entries, proofs of all packets
// that were made before. What it gives is a list of operations, each proved; the stack carries it
// out (runtime/live) or nothing of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compiler/passes/delta_proof.h"
#include "compiler/planner/decide.h"

namespace weft::planner {

using Operations = std::vector<plan::Operation>;

class Planner {
 public:
  // `plan` is what runs, made from `inputs`. Errors: those of DeltaProof::begin.
  static diag::Result<std::unique_ptr<Planner>> begin(plan::Plan plan, passes::Inputs inputs);

  // Each leaves the planner at the plan behind the operations; an error leaves it as it was.
  // E0676: no such endpoint or flow, or there is one already; E0673: not proved.
  diag::Result<Operations> add_flow(const FlowKey& key, unsigned endpoint, double rate,
                                    const FlowWish& wish = {});
  // `endpoint`: whose it must be; "": anybody's.
  diag::Result<Operations> remove_flow(const FlowKey& key, const std::string& endpoint = "");
  diag::Result<Operations> move_flow(const FlowKey& key, unsigned queue);
  // Connections from somewhere, which TCP endpoints may be told of beforehand: a rule for each set.
  // Those that are open stay where they are; new ones go where the rules say.
  diag::Result<Operations> add_connections(const std::vector<ir::FlowSet>& sets,
                                           const FlowWish& wish = {});
  // Rules that were made for such sets and nothing else; `to`: and for that socket, `endpoint`: for
  // one of that endpoint's ("": anybody's). nullopt to `queue`: they go.
  struct Which {
    std::vector<ir::FlowSet> sets;  // their endpoints and destinations mean nothing
    std::optional<std::pair<std::uint32_t, std::uint16_t>> to;
    std::string endpoint;
  };
  bool knows_connections(const Which& which) const { return !rules_for(which).empty(); }
  diag::Result<Operations> move_connections(const Which& which, std::optional<unsigned> queue);
  // At the first vacant place, or behind those that are there.
  diag::Result<Operations> add_endpoint(const ir::Endpoint& endpoint);
  // Any of them, with all its flows and rules; not the only one.
  diag::Result<Operations> remove_endpoint(const std::string& name);
  // To another plan, and the workload it was made from. E0670: a running stack cannot.
  diag::Result<Operations> change_to(const plan::Plan& plan, const ir::Workload& workload);
  // At most `most` moves that make the busiest queue less busy, each by more than `least` of it.
  diag::Result<Operations> rebalance(unsigned most, double least);
  // Packets per second that each queue really gets: the rates of its flows follow. The largest
  // deviation from what was expected, as a part of the mean.
  double observe(const std::vector<double>& per_second);

  // The stack has refused what was given last: back to the plan before.
  void take_back();

  const plan::Plan& plan() const { return proof_->plan(); }
  // What runs, as a plan by itself: with its proof, and the workload's hash as it has become.
  plan::Plan complete_plan() const;
  plan::Proof proof() const { return proof_->proof(); }
  const std::string& workload_digest() const { return digest_; }
  const Decider& decider() const { return *decider_; }
  const passes::DeltaProof& checked() const { return *proof_; }
  ir::Workload workload() const;

 private:
  Planner() = default;
  diag::Result<Operations> prove(Operations operations);
  void back(const Operations& done, const Operations& inverses);
  void changed();
  Operations away(const KnownFlow& flow) const;
  // connections.cc
  diag::Result<plan::Filter> rule_for(const ir::FlowSet& set, const FlowWish& wish,
                                      const std::vector<plan::Filter>& rules) const;
  std::vector<const plan::Filter*> rules_for(const Which& which) const;

  std::unique_ptr<passes::DeltaProof> proof_;
  std::unique_ptr<Decider> decider_;
  std::string digest_;
  // The last list: what take_back() needs.
  Operations done_, inverses_;
  std::string digest_before_;
};

// What a plan says of its workload; rates are not in it.
ir::Workload workload_of(const plan::Plan& plan);

}  // namespace weft::planner
