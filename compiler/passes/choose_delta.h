// One flow more, one flow less: where it goes, from counters alone, beside a plan that runs. The
// rules of the pass "choose" hold: zones, pins, capacities, shapes, masks. The rest of the plan
// stays as it is; what drifts apart over time is mended by a few moves.
#pragma once

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

  // Where one flow more would go. nullopt: where it belongs it can't be brought.
  std::optional<Place> place(const ir::Flow& flow) const;
  std::string why_not(const ir::Flow& flow) const;
  // The same, and it is counted from now on. nullopt also where it is there already.
  std::optional<Place> add(const ir::Flow& flow);
  // Its place until now; nullopt: there is no such flow.
  std::optional<Place> remove(const FlowKey& key);
  // What was decided elsewhere: a flow without a rule, its rule, a rule that is gone, another
  // queue, another rate, another entry of the indirection table.
  void put(const ir::Flow& flow, unsigned queue);
  void rule(const plan::Filter& filter, bool there);
  void move(const FlowKey& key, unsigned queue);
  void set_rate(const FlowKey& key, double rate);
  void set_pinned(const FlowKey& key, bool pinned);
  void set_entry(unsigned index, std::uint16_t queue) { rest_.rss.table[index] = queue; }
  // At most `most` moves, each of which lowers the fullest queue of a zone. They are counted as
  // done. Only flows with rules move, and those whose owner is free because nobody can predict
  // where they arrive: the hash of others is what it is.
  std::vector<Move> moves(unsigned most);

  // Queues of its zone, or those of them that it wants; empty: there are none.
  std::vector<unsigned> may_arrive(const ir::Flow& flow) const;
  double weight_of_flow(unsigned endpoint, double rate) const;  // cycles per second

  const std::vector<std::string>& tables() const { return names_; }
  double load(unsigned queue) const { return load_[queue] * price_[queue]; }  // cycles per second
  double weight(const FlowKey& key) const { return flows_.at(key).weight; }
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
    unsigned endpoint = 0;
    bool pinned = false;
  };
  void count(const plan::Filter& filter, bool there);
  bool before(const std::string& table, const Delivery& other) const;
  void prices(const plan::Plan& plan);
  void tables(const plan::Plan& plan);
  void strangers(const plan::Plan& plan);
  unsigned zone_of(const ir::Flow& flow) const;
  unsigned emptiest(const std::vector<unsigned>& queues) const;
  std::optional<Place> place_in(const ir::Flow& flow, const FlowKey& key, unsigned zone) const;

  const Inputs& inputs_;
  plan::Configuration rest_;      // the plan's, without its rules for single flows
  std::optional<Steering> card_;  // what such a card does
  PacketCost cost_;
  std::vector<Zone> zones_;
  std::vector<std::string> names_;  // of tables that can hold rules for flows
  std::vector<unsigned> room_;
  std::vector<double> load_;   // by queue, as if a packet cost the same on all
  std::vector<double> price_;  // by queue, of the same load; 1: on the cheapest
  std::unordered_map<FlowKey, Known, FlowKeyHash> flows_;
  bool owner_is_free_ = false;  // nobody can say where RSS brings a flow
};

}  // namespace weft::passes
