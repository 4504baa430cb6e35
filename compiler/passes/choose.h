// Pass "choose": what the card does, and which flows go where. Guessed by polynomial algorithms
// (filter_plan.h, balance.h), judged and explained with Z3 (judge.h).
// Pre: verified graph and model. Post: every known flow has a queue; capacities, shapes, shared
// masks and RSS reach of the model hold; zones, pins and policy of the workload hold; nothing is
// asked of the card that it does not have. E0801 to E0803 where that cannot be.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

struct FlowChoice {
  unsigned flow = 0;    // index into the workload's flows
  std::string table;    // where its rule goes; empty: RSS brings it, or a rule for its endpoint
  unsigned queue = 0;   // of the rule; without one, who owns the flow where nobody can predict RSS
  bool itself = false;  // a wish of its own asks for the rule
};

// A rule for all that comes to a port of an endpoint, or to several with the same upper bits; or
// for a set of flows.
struct SocketChoice {
  unsigned endpoint = 0;
  std::optional<unsigned> set;  // index into the workload's
  std::uint16_t port = 0, port_mask = 0xffff;
  std::uint32_t address = 0;  // 0: any
  std::string table;
  unsigned queue = 0;
  unsigned part = 0, parts = 1;  // source ports with these low bits
  std::vector<unsigned> group;   // several queues, `queue` is the first; empty: `queue` alone
  unsigned entries = 0;          // ir::QueueGroups
  bool whole = false;            // for all packets of the endpoint's protocol

  bool listens(std::uint16_t on) const { return (on & port_mask) == port; }
  double sockets() const { return double{1} * (65536u - port_mask) / parts; }
};

struct Choice {
  unsigned rx_queues = 1;
  unsigned cores = 1;
  std::map<std::string, bool> knobs;
  plan::Rss rss;
  std::vector<unsigned> open = {0};  // queues where what no rule matches may arrive, sorted
  std::vector<FlowChoice> flows;     // heaviest first
  std::vector<SocketChoice> sockets;
  double spare = 0;  // packets per second by rules that no wish needs
  plan::Chosen chosen;
  std::vector<std::optional<unsigned>> zone_core;  // by zone of `chosen`
  std::vector<std::string> groups;                 // by queue: whose packets it carries
  std::vector<std::vector<unsigned>> core_queues;  // by core, where that is not to be chosen

  // Queues that packets may reach which are no known flow's.
  std::vector<unsigned> classify() const;
  // Queues that rules for single flows feed, and nothing else.
  std::vector<unsigned> closed() const;
  // Tables whose rules feed those, in the order of `flows`.
  std::vector<std::string> feeding() const;
};

// What an earlier choice has settled, and what is known since.
struct Settled {
  plan::Rss rss;               // stays
  std::vector<double> cycles;  // of a packet, by queue: those that need not classify are cheaper
};
diag::Result<Choice> choose(const Inputs& inputs, const Options& options,
                            const Settled* settled = nullptr);
std::string to_string(const Choice& choice);

}  // namespace weft::passes
