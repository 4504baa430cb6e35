// What a configured card does to a packet nobody has seen: ways from the wire to a queue or into a
// silent drop, and what it does to a frame handed to it for transmission.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/nic_model.h"
#include "compiler/passes/steer.h"
#include "compiler/passes/symbolic.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

struct CardPath {
  std::string name;  // "rule of ntuple5", "rss", "not_for_us"
  smt::Term when;    // with everything that is known on this way
  std::string drop;  // the protocol graph's drop node that it stands for; empty: delivered
  smt::Term queue;   // 16 bits
};

// Truths about the plan's finite tables, established by enumeration (tables.h).
struct TableFacts {
  bool sources_answer = true;  // all flows come from addresses that can be answered
  bool flows_arrive = true;    // the card delivers every flow on the queue that owns it
  std::string rss_type;        // type by which flows are hashed that no rule brings to one queue
};

// One flow and nothing else, as far as the driver looks.
bool is_plain_flow_rule(const ir::FilterTable& table, const plan::Filter& rule,
                        const ir::FieldTable& fields);

// The rules of a table as a proof reads them, in the table's order: those of single flows come
// first and are known by one symbolic lookup, the others behind them are listed as they stand (all
// are, in another order).
struct TableRules {
  std::vector<const plan::Filter*> flows, listed;
};
TableRules rules_of_table(const ir::Node& table, const plan::Configuration& card,
                          const ir::FieldTable& fields);

// Does the incoming packet match the rule? (Where the table applies to it at all.)
smt::Term hits(Symbolic& symbolic, const ir::FilterTable& table, const plan::Filter& rule);

// The flow key of the incoming packet, as terms.
struct KeyTerms {
  std::vector<smt::Term> key;  // src, src_port, dst, dst_port
  smt::Term hit;               // the workload has this flow
  smt::Term endpoint;          // its endpoint
  smt::Term owner;             // 16 bits: the queue that owns it
};
KeyTerms key_terms(Symbolic& symbolic);

// One packet fixed to a concrete flow key, with concrete answers of the card's tables.
using Pinned = std::optional<FlowKey>;

std::vector<CardPath> card_receive(Symbolic& symbolic, const ir::NicModel& nic,
                                   const plan::Plan& plan, const TableFacts& facts,
                                   const Pinned& pinned);

// The queue that the card's hash brings packets to in which it looks at these fields: an unknown
// function of what they are, within the range of the indirection table once `in_table` holds.
smt::Term hashed_to(Symbolic& symbolic, const std::vector<std::string>& input, const State& state);
smt::Term in_table(smt::Session& session, const plan::Rss& rss, const smt::Term& queue);

// Where the card brings a segment with the packet's addresses and ports that comes in one piece, as
// the plan has it. Pre: the plan says what of segments is hashed.
smt::Term arrival_of(Symbolic& symbolic, const plan::Rss& rss, const State& state);

// The same where a rule's group has them; a rule's queue is the group's only one. Pre: the plan
// says what of segments is hashed, and which queue of a group it is.
smt::Term arrival_in(Symbolic& symbolic, const plan::Rss& rss, const plan::Filter& rule,
                     const State& state);

// Applies the transmit units whose request field is set and whose knob is on.
State card_transmit(Symbolic& symbolic, const ir::NicModel& nic, const plan::Plan& plan,
                    State state);

// What a card's "good" is about: the test, of the frame as it came.
smt::Term fact_on_wire(Symbolic& symbolic, const ir::Claim& claim);

// What the card's receive units may answer about checksums.
std::vector<smt::Term> card_answers(Symbolic& symbolic, const ir::NicModel& nic,
                                    const plan::Plan& plan);

// By test: the packets whose checksum the card hands over unfinished, so that software cannot tell
// whether it was right (ir::Report::none_is_good).
std::map<std::string, smt::Term> unfinished_checksums(Symbolic& symbolic, const ir::NicModel& nic,
                                                      const plan::Plan& plan);

}  // namespace weft::passes
