// The flows of a running plan and their rules; where one flow more goes, and which move helps: from
// counters that are kept (passes/choose_delta), not from the plan.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compiler/passes/choose_delta.h"
#include "compiler/plan/operation.h"

namespace weft::planner {

using passes::FlowKey;

// What a flow asks for.
struct FlowWish {
  std::optional<bool> gold;       // its class; none: as its endpoint
  std::optional<unsigned> queue;  // where it must arrive
};

struct Place {
  std::string table;  // where its rule goes; empty: RSS brings it
  unsigned queue = 0;
};

// A flow of the running plan, with what is known of it.
struct KnownFlow {
  plan::FlowEntry entry;
  double rate = 1;  // packets per second
  std::vector<plan::Filter> rules;
};

class Decider {
 public:
  // `inputs` outlives it; its endpoints are at any time those of the running plan.
  Decider(const plan::Plan& plan, const passes::Inputs& inputs);

  // As the chooser would: in the zone of its endpoint, on the queue with the least to do while a
  // table has room for its rule, else where RSS brings it. nullopt: why_not says why.
  std::optional<Place> place(const FlowKey& key, unsigned endpoint,
                             const FlowWish& wish = {}) const;
  std::string why_not(const FlowKey& key, unsigned endpoint, const FlowWish& wish) const;
  // A rule for it somewhere, whatever brings it there now; nullopt: no table has room.
  std::optional<std::string> table_with_room() const;
  // The rule for it, as the compiler writes it.
  plan::Filter rule(const FlowKey& key, const Place& place, unsigned endpoint) const;
  // Where connections that are known beforehand may arrive, the queue with the least to do first.
  // `rules`: those for connections, each of which brings some.
  std::vector<unsigned> queues_for(const ir::FlowSet& set, const FlowWish& wish,
                                   const std::vector<plan::Filter>& rules) const;
  // Of a rule that is none's yet, `ahead` others before it.
  std::string fresh_id(std::uint64_t ahead = 0) const;
  // Can anybody say where RSS brings a flow? Else its entry may be on any queue.
  bool predictable() const { return predictable_; }

  // Keeps the counters with what was done.
  void note(const plan::Operation& operation);
  void set_rate(const FlowKey& key, double rate);
  void set_pinned(const FlowKey& key, bool pinned);
  const KnownFlow* find(const FlowKey& key) const;
  const std::unordered_map<FlowKey, KnownFlow, passes::FlowKeyHash>& flows() const {
    return flows_;
  }

  // Packets per second of its flows, by queue.
  const std::vector<double>& load() const { return load_; }
  // The move that makes the fullest queue of a zone less full, and where to; nullopt: none does by
  // more than `least` of it.
  std::optional<std::pair<FlowKey, unsigned>> best_move(double least);

 private:
  void know_rule(const plan::Filter& rule, bool there);

  const passes::Inputs& in_;
  passes::ChoiceState choice_;
  std::vector<double> load_;
  std::unordered_map<FlowKey, KnownFlow, passes::FlowKeyHash> flows_;
  bool predictable_ = true;
  std::uint64_t next_id_ = 0;
};

}  // namespace weft::planner
