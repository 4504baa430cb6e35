// Carries out operations (compiler/plan/operation.h) on a stack that runs: state on net cores by
// errands, rules and the indirection table on the card. All of a list, or nothing.
//
// One thread calls it, that of the control plane. That a list is right is the business of who made
// it (passes::DeltaProof); here it is seen to that each operation is what it says, whatever the
// cores are doing: state is there on all cores before a rule is made, and what may still need it
// has gone by before it is taken away.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"
#include "compiler/plan/operation.h"
#include "runtime/apps/library.h"
#include "runtime/engine/engine.h"
#include "runtime/ports/translate.h"
#include "stack-nodes/table/owners.h"

namespace weft::live {

// What the stack is made of. All of it outlives the object.
struct Parts {
  engine::Engine& engine;
  ports::CardControl& card;
  ports::AppliedRules& rules;
  const ir::FieldTable& fields;
  // An endpoint's application; may say no.
  std::function<diag::Result<apps::Library>(const std::string& app)> library;
  // The object with code for a residue that came later; null: the interpreter.
  std::function<diag::Result<const engine::GeneratedObject*>(const plan::Plan& with)> code;
  // Makes time pass where there are no threads; null: polls the cores in turn.
  std::function<void()> meanwhile;
};

class Live {
 public:
  // `running`: what the engine was made of, and the card was set up for.
  Live(plan::Plan running, Parts parts);

  // E0671 (does not fit what runs), E0672 (failed: a core, the card or an application said no);
  // both leave everything as it was. E0675: that did not succeed; plan() says what runs now.
  diag::Result<void> apply(const std::vector<plan::Operation>& operations);

  // What runs now. Names of rules, predictions, hashes and proof are those of who set them last.
  const plan::Plan& plan() const { return plan_; }
  // Gives what does not touch packets (names, hashes, predictions, the proof) its words. False: it
  // is another plan.
  bool rename(plan::Plan plan);
  // The workload's hash and the proof of the plan as it is now.
  void describe(const std::string& workload, const plan::Proof& proof);
  // Grows with each list that was applied.
  std::uint64_t generation() const { return generation_; }
  // Now and then: connections that were kept where they were, and have ended, are forgotten.
  void tidy();

 private:
  using Done = diag::Result<void>;
  bool fits(const plan::Operation& operation) const;
  // plan_ is the plan behind the operation, `back` takes it back.
  Done carry_out(const plan::Operation& operation, const plan::Operation& back);
  Done add_flow(const plan::FlowEntry& flow);
  Done remove_flow(const plan::FlowEntry& flow);
  Done move_flow(const plan::FlowEntry& flow, unsigned to);
  Done set_residue(const plan::Operation& operation);
  Done add_endpoint(const ir::Endpoint& endpoint, unsigned index);
  Done remove_endpoint(const ir::Endpoint& endpoint, unsigned index);
  Done listen(const ir::Endpoint& endpoint, unsigned index);
  Done leave_groups(unsigned index);
  Done refuse(const ir::Endpoint& endpoint);
  Done end_connections(unsigned index);
  Done drain_cores();
  Done give(const std::vector<apps::AppHost::Instance>& instances, unsigned index);
  static apps::AppHost::Instance take(engine::NetCore& core, unsigned index);
  Done on_all(const std::function<void(engine::NetCore&)>& work);
  Done on_shard(unsigned queue, const std::function<void(engine::Shard&)>& work);
  Done own_datagrams(const plan::Plan& plan);

  // ---- what decides where connections are changes (connections.cc)
  struct Kept {
    FlowKey key;
    std::uint16_t shard = 0;
  };
  bool places_connections(const plan::Operation& operation) const;
  Done on_card(const plan::Operation& operation);
  Done move_homes(const plan::Operation& operation, const plan::Operation& back);
  Done go_home_by(const Owners& homes);
  Done say_changing(bool changing);
  Done drain_queues();
  Done look_at_connections(const std::function<void(const Kept&)>& look);
  Done sort_out(const std::vector<Kept>& all, std::vector<Kept>& open, std::vector<Kept>& ended);
  Done forget_kept();
  Done tell(const std::vector<Kept>& connections,
            const std::function<void(Owners&, const Kept&)>& what);
  bool flows_have_owners() const;

  plan::Plan plan_;
  Parts parts_;
  std::uint64_t generation_ = 0;
  bool owners_ = false;  // some residue hands flows over, so each core knows whose they are
  Owners homes_;         // where the card brings connections, by the plan
  std::vector<Kept> kept_;
  bool unsure_ = false;  // some core may not have heard that a change is over
};

}  // namespace weft::live
