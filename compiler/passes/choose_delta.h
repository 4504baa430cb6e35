// One flow more, one flow less: where it goes, from counters alone, beside a plan that runs. The
// rules of the pass "choose" hold: zones, pins, capacities, shapes, masks. The rest of the plan
// stays as it is; what drifts apart over time is mended by a few moves.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/passes/classes.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

class ChoiceState {
 public:
  // Where a flow's packets arrive, and why.
  struct Place {
    int table = -1;      // index into tables(); -1: no rule of its own
    unsigned queue = 0;  // where it arrives, or who owns it where nobody can predict the card
    bool operator==(const Place&) const = default;
  };
  struct Move {
    FlowKey key;
    Place from, to;
  };
  // `plan` is one of `inputs` (its digests need not be the same: flows may have come and gone).
  // Both outlive it.
  ChoiceState(const Inputs& inputs, const plan::Plan& plan);

  // The new flow's place; it is counted from now on. nullopt: it is there already, or where it
  // belongs it can't be brought (why_not() says why).
  std::optional<Place> add(const ir::Flow& flow);
  // Its place until now; nullopt: there is no such flow.
  std::optional<Place> remove(const FlowKey& key);
  // At most `most` moves, each of which lowers the fullest queue of a zone. They are counted as
  // done. Only flows with rules move: the hash of others is what it is.
  std::vector<Move> moves(unsigned most);

  const std::vector<std::string>& tables() const { return names_; }
  const std::string& why_not() const { return why_not_; }
  double load(unsigned queue) const { return load_[queue]; }  // cycles per second
  double imbalance() const;  // of the worst zone: its fullest queue over the mean, less 1
  unsigned room(unsigned table) const { return room_[table]; }
  std::size_t size() const { return flows_.size(); }

 private:
  struct Zone {
    std::string name;
    std::vector<unsigned> queues;
  };
  struct Known {
    Place place;
    double weight = 0;
    unsigned zone = 0;
    bool pinned = false;
  };
  void tables(const plan::Plan& plan);
  void strangers(const plan::Plan& plan);
  void known(const plan::Plan& plan);
  unsigned zone_of(const ir::Flow& flow) const;
  double weight(const ir::Flow& flow) const;
  unsigned emptiest(const std::vector<unsigned>& queues) const;
  std::optional<Place> place(const ir::Flow& flow, const FlowKey& key, unsigned zone) const;

  const Inputs& inputs_;
  plan::Configuration rest_;  // the plan's, without its rules for single flows
  Steering card_;             // what such a card does
  PacketCost cost_;
  std::vector<Zone> zones_;
  std::vector<std::array<unsigned, 2>> zone_of_endpoint_;  // normal, gold
  std::vector<std::string> names_;  // of tables that can hold rules for flows
  std::vector<unsigned> room_;
  std::vector<double> load_;  // by queue
  std::unordered_map<FlowKey, Known, FlowKeyHash> flows_;
  std::string why_not_;
};

}  // namespace weft::passes
