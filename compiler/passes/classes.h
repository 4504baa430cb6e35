// Part of the pass "choose": flows that are alike. What is counted later numbers classes, whatever
// the number of flows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/port_block.h"
#include "compiler/passes/packet_cost.h"
#include "compiler/passes/pipeline.h"
#include "compiler/passes/zones.h"

namespace weft::passes {

inline constexpr std::size_t most_classes = 100;

// Flows to one endpoint with one priority, one wish and one weight; or sets of them, whose rules
// have one mask; or an endpoint's packets from sources that are no known flow ("strangers").
struct FlowClass {
  std::string name;  // "40 flows to echo", "flows from 10.7.1.0/24 to echo", "strangers to echo"
  unsigned endpoint = 0;
  bool tcp = false;
  bool strangers = false;
  std::vector<unsigned> sets;  // indexes into the workload's; not empty: this is a class of sets
  bool gold = false;
  unsigned zone = 0;
  std::optional<ir::QueueRange> pin;  // must arrive on these queues
  std::vector<unsigned> flows;        // indexes into the workload's, heaviest first
  std::optional<unsigned> inside;     // all of its flows are in sets of this class
  unsigned rules = 0;                 // that bring all of them
  double weight = 0;                  // cycles per second for each rule; the mean, where they vary
  diag::Span span;

  // There is a rule for all that comes to the endpoint, or for a set: that is enough to bring them.
  bool covered = false;
  // There is such a rule, and it would bring them where they do not belong.
  bool exception = false;
  // Strangers that nobody expects, beside known flows: a rule for them is one way to bring those.
  // (Nobody's whose packets must lie in memory of a group: there it is any packet.)
  bool spare = false;
  // Strangers that rules may bring: one for each of these, of each address.
  std::vector<ir::PortBlock> blocks;
  // Strangers: so many rules for each of them, by the low bits of the source port. (A power of
  // two.)
  unsigned parts = 1;
  // Strangers: several queues are wanted, and a rule can name them as a group.
  bool grouped = false;
  // Such a rule is about all packets of the protocol: who shares it comes by it, too, or has rules
  // of his own in front of it.
  bool whole = false;

  // Strangers: rules bring them where the policy `static` wants them, as far as the card can.
  bool in_turn = false;

  // Go where no hash may take them.
  bool apart() const { return zone != 0 || pin.has_value() || in_turn; }
  bool must() const { return (apart() || exception) && !covered && !spare; }
  // What one rule brings is many flows: it all goes to one queue, or the hash spreads it.
  bool many() const { return strangers || !sets.empty(); }
  double load() const { return weight * rules; }
};

struct Classes {
  std::vector<Zone> zones;
  std::vector<FlowClass> all;
  std::vector<double> weight;  // by flow, cycles per second
};

// How the ports of an endpoint are cut into those that one rule is for: as few blocks as can be, of
// many sizes; blocks of one size for all endpoints, where rules share a mask; each port by itself.
enum class PortCut { blocks, even, single };

// Kinds of rules that are made, where the card takes them.
struct RuleKinds {
  PortCut cut = PortCut::single;
  bool of_types = true;   // all of a protocol, where one endpoint is to have several queues
  bool in_groups = true;  // what comes to an endpoint that is to have several queues: one rule
  bool in_parts = true;   // its connections, else: several rules
  bool in_turn = true;    // connections of one that the policy `static` places
};
Classes classes_of(const Inputs& inputs, const PacketCost& cost, const RuleKinds& kinds);

// The block of an endpoint's rules that a port is in; null: it has none.
const ir::PortBlock* block_of(const Classes& classes, unsigned endpoint, std::uint16_t port);

// Do rules of both match some packets? `wide` is about more of them.
inline bool inside(const Classes& classes, unsigned narrow, unsigned wide) {
  const FlowClass &n = classes.all[narrow], &w = classes.all[wide];
  if (w.whole) return !n.whole && n.tcp == w.tcp;
  return w.strangers ? !n.strangers && n.endpoint == w.endpoint : n.inside == wide;
}
// Where the rule of `wide` brings it is where `narrow` belongs. (Who wants no queue is content with
// any of the zone's.)
inline bool belong_together(const FlowClass& narrow, const FlowClass& wide) {
  return narrow.zone == wide.zone &&
         (!narrow.pin ||
          (wide.pin && wide.pin->first >= narrow.pin->first && wide.pin->last <= narrow.pin->last));
}

}  // namespace weft::passes
