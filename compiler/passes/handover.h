// Adds to a residue what passes packets, and what was learned, to the core that owns their state.
// Pre: a residue of a plan with several queues. Post: in front of each node whose state has another
// owner for some packet (behind its miss, for a table) stands the node that its declaration names;
// where the card could not see whose a packet is, because it came in pieces, one stands at the
// entry of what was put together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/ir/nic_model.h"
#include "compiler/passes/symbolic.h"
#include "compiler/plan/plan.h"
#include "stack-nodes/node.h"

namespace weft::passes {

inline constexpr const char* handed_over = "handed_over";
inline constexpr const char* drop_handover_full = "drop_handover_full";

struct Handover {
  enum class Place {
    front,  // of the node `at`: all packets for it pass by here first
    miss,   // behind the miss of the table at the node `at`
    entry,  // in front of where the slot `at` begins: the packets of that slot alone
  };
  Place place = Place::front;
  std::string at;
  std::string impl;
  std::string why;
};

// What is added for `at`.
std::string handover_of(const std::string& at);

// Behind the miss of the table whose entries are owned: a hit says that the packet is where it
// belongs.
bool is_behind(const nodes::NodeDecl& decl);

// Do packets with the same key of the node's state arrive on one queue? `when`: what is known of
// those that reach it.
bool arrive_together(Symbolic& symbolic, const ir::NicModel& nic, const plan::Configuration& config,
                     const ir::Node& node, const smt::Term& when);

// What the card hashes of each of the packets that `when` is true of, where nothing but rules about
// segments and the hash places them, and the hash all in the same way; nothing: the table's first
// entry has them. nullopt: other rules may place some, or not all are alike, or nobody can say.
std::optional<std::vector<std::string>> hashed_of(Symbolic& symbolic, const ir::NicModel& nic,
                                                  const plan::Configuration& config,
                                                  const smt::Term& when);

// Those whose place the residue does not have are left out.
ir::Graph with_handovers(const ir::Graph& residue, const std::vector<Handover>& handovers);

}  // namespace weft::passes
