#include <fmt/format.h>

#include <map>

#include "compiler/passes/card_receive.h"
#include "compiler/passes/descriptor_terms.h"
#include "compiler/passes/difference.h"
#include "compiler/passes/prove_entries.h"
#include "compiler/passes/reach.h"

namespace weft::passes {

using smt::Outcome;

namespace {

class Arriving {
 public:
  Arriving(ProofWorld& world, const Suspect* suspect)
      : world_(world), session_(world.session), origin_{"rx", "", suspect} {}

  Received run() {
    wanted_ = world_.wanted();
    const auto paths =
        card_receive(world_.symbolic, world_.in.nic, world_.plan, world_.facts, world_.pinned);
    for (const auto& residue : world_.plan.residues) {
      if (!ends_of(residue)) return {.found = no_entry(residue, "rx")};
    }
    for (const CardPath& path : paths) {
      session_.push();
      session_.add(path.when);
      origin_.path = path.name;
      if (path.drop.empty()) {
        delivered(path);
      } else {
        dropped(path);
      }
      session_.pop();
      if (out_.found) break;
    }
    return std::move(out_);
  }

 private:
  bool ends_of(const plan::Residue& residue) {
    Symbolic& symbolic = world_.symbolic;
    const auto entry = receive_entry(residue.graph);
    if (!entry) return false;
    symbolic.unreadable = unfinished_checksums(symbolic, world_.in.nic, world_.plan);
    of_residue_[residue.id] =
        world_.shards.leaves(symbolic, residue.graph, *entry, world_.fresh(true));
    symbolic.unreadable.clear();
    return true;
  }

  // The card drops it without a word.
  void dropped(const CardPath& path) {
    Leaf leaf;
    leaf.end = path.drop;
    leaf.path = {path.name};
    leaf.when = session_.truth(true);
    leaf.state = world_.fresh(true);
    compare(leaf);
  }

  void delivered(const CardPath& path) {
    session_.add(session_.equal(session_.variable("queue", 16), path.queue));
    for (const auto& residue : world_.plan.residues) {
      if (out_.found || residue.queues.empty()) continue;
      session_.push();
      session_.add(is_one_of(session_, path.queue, residue.queues));
      if (session_.check("does this way lead to the residue") != Outcome::unsat) {
        for (const Leaf& leaf : of_residue_[residue.id].leaves) compare(leaf);
      }
      session_.pop();
    }
  }

  // A counterexample that can be replayed ends the search.
  void compare(const Leaf& leaf) {
    if (out_.found) return;
    auto it = difference(world_, leaf, wanted_, origin_);
    if (!it) return;
    if (it->real) {
      out_.found = std::move(it->packet);
    } else if (!out_.abstract) {
      out_.abstract = std::move(it->packet);
    }
  }

  ProofWorld& world_;
  smt::Session& session_;
  Origin origin_;
  Leaves wanted_;
  std::map<std::string, Leaves> of_residue_;
  Received out_;
};

}  // namespace

Received prove_receive(ProofWorld& world, const Suspect* suspect) {
  return Arriving(world, suspect).run();
}

Counterexample no_entry(const plan::Residue& residue, const std::string& entry) {
  Counterexample out;
  out.entry = entry;
  out.why = fmt::format("residue {} has no entry `{}`", residue.id, entry);
  out.expected = entry;
  out.actual = "nowhere";
  return out;
}

}  // namespace weft::passes
