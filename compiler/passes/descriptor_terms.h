// What a card and its driver say of packets in descriptors, and do because a descriptor asks for
// it, in a proof.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/ir/nic_model.h"
#include "compiler/passes/symbolic.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

// What a card's "good" is about: the test, of the frame as it came.
smt::Term fact_on_wire(Symbolic& symbolic, const ir::Claim& claim);

// What the card's receive units may answer about checksums.
std::vector<smt::Term> card_answers(Symbolic& symbolic, const ir::NicModel& nic,
                                    const plan::Plan& plan);

// By test: the packets whose checksum the card hands over unfinished, so that software cannot tell
// whether it was right (ir::Report::none_is_good).
std::map<std::string, smt::Term> unfinished_checksums(Symbolic& symbolic, const ir::NicModel& nic,
                                                      const plan::Plan& plan);

// Applies the transmit units whose request field is set and whose knob is on.
State card_transmit(Symbolic& symbolic, const ir::NicModel& nic, const plan::Plan& plan,
                    State state);

}  // namespace weft::passes
