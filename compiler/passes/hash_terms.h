// Where a card's hash brings packets, in a proof: unknown functions of the fields that are hashed.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/nic_model.h"
#include "compiler/passes/symbolic.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

// The types of packets that the card hashes, in its order.
std::vector<const ir::RssType*> hashed_types(const ir::NicModel& nic, const plan::Rss& rss);

// The queue that the card's hash brings packets to in which it looks at these fields: an unknown
// function of what they are, within the range of the indirection table once `in_table` holds.
smt::Term hashed_to(Symbolic& symbolic, const std::vector<std::string>& input, const State& state);
smt::Term in_table(smt::Session& session, const plan::Rss& rss, const smt::Term& queue);

// The same of those that a rule names as its group: one of them once is_one_of says so. (Groups of
// the same queues in the same order bring one packet to the same of them.)
smt::Term hashed_in(Symbolic& symbolic, const plan::Filter& rule,
                    const std::vector<std::string>& input, const State& state);

// Where the card brings a segment with the packet's addresses and ports that comes in one piece, as
// the plan has it. Pre: the plan says what of segments is hashed.
smt::Term arrival_of(Symbolic& symbolic, const plan::Rss& rss, const State& state);

// The same where a rule's group has them; a rule's queue is the group's only one. Pre: the plan
// says what of segments is hashed, and which queue of a group it is.
smt::Term arrival_in(Symbolic& symbolic, const plan::Rss& rss, const plan::Filter& rule,
                     const State& state);

}  // namespace weft::passes
