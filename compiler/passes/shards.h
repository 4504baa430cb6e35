// Whose state it is, in the proof: what the tables of a shard answer, which shard owns a key, and
// where packets that are handed over go on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/passes/leaves.h"
#include "compiler/passes/tables.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

class Shards {
 public:
  // `suspect`: its key is answered as the plan says; all other keys as plan and workload agree.
  Shards(const plan::Plan& plan, const Suspect* suspect);

  // The shard that owns a flow's entry; `shard` for a key that nobody has.
  smt::Term owner_of_flow(Symbolic& symbolic, const std::vector<smt::Term>& key,
                          const smt::Term& shard) const;
  // The shard where a segment's connection is, or would be.
  smt::Term home_of_segment(Symbolic& symbolic, const State& state) const;
  // Ends of a residue run on one shard after another.
  Leaves leaves(Symbolic& symbolic, const ir::Graph& residue, ir::Vertex start,
                const State& initial) const;
  // Where the packet belongs at its end: a datagram of a flow, or an ICMP error about one, that
  // reaches an application does so on the shard that owns the flow.
  smt::Term home_of(Symbolic& symbolic, const Leaf& leaf) const;
  smt::Term at_home(Symbolic& symbolic, const Leaf& leaf) const;

  // Does any queue take over what is handed over by this slot?
  bool take_over(std::string_view slot) const { return queues_of_.contains(slot); }

 private:
  // As the plan has it: one of its queues.
  smt::Term planned_owner(Symbolic& symbolic, const std::vector<smt::Term>& key) const;
  smt::Term is_suspect(Symbolic& symbolic, const std::vector<smt::Term>& key) const;
  smt::Term owner_by_hash(Symbolic& symbolic, const nodes::NodeDecl& handover,
                          const std::vector<smt::Term>& key, const smt::Term& shard) const;

  smt::Term where_kept(Symbolic& symbolic, const State& state, const smt::Term& otherwise) const;
  smt::Term home_if_new(Symbolic& symbolic, const State& state) const;
  smt::Term home_but_for_rules(Symbolic& symbolic, const State& state) const;
  smt::Term owner_of_whole(Symbolic& symbolic, const State& state) const;

  const Suspect* suspect_;
  unsigned queues_;
  plan::Rss rss_;
  std::vector<plan::Filter> rules_;  // about segments, as they are asked
  Elsewhere elsewhere_;
  std::map<std::string, std::vector<unsigned>, std::less<>> queues_of_;  // by slot: with the entry
};

}  // namespace weft::passes
