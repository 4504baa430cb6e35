// How the pass "choose" works: one object that knows more after each step. Its steps stand in files
// of their own: choose.cc (which, and the answer), choose_rules.cc, choose_queues.cc,
// choose_hash.cc, choose_spread.cc.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "compiler/passes/balance.h"
#include "compiler/passes/choose.h"
#include "compiler/passes/classes.h"
#include "compiler/passes/filter_plan.h"

namespace weft::passes {

class Chooser {
 public:
  Chooser(const Inputs& inputs, const Options& options, const Settled* settled,
          bool in_groups = true);
  diag::Result<Choice> run(bool judge);

 private:
  using Refusal = std::optional<diag::Diagnostic>;
  static constexpr unsigned none = ~0u;

  // ---- which rules -------------------------------------------------------------------------
  Refusal filters();
  bool rules();
  bool cuts_ports() const;
  unsigned wanted(unsigned c) const;
  void give_tables();
  void weigh();
  void weigh_packets();
  void socket(unsigned c, unsigned n, unsigned t);
  bool turns_are_free() const;
  bool hash_may() const;
  bool table_is_ours() const;

  // ---- whose queues ------------------------------------------------------------------------
  Refusal zones();
  Refusal fixed_queues();
  Refusal share_queues();
  void fit_beside_wishes(const std::vector<std::optional<unsigned>>& fixed,
                         std::vector<unsigned>& share) const;
  bool wished(unsigned queue) const;
  bool give_groups();
  bool may_take_turns(unsigned queues) const;
  void open_queues();

  // ---- what the hash does ------------------------------------------------------------------
  diag::Result<void> hash();
  Refusal wishes_by_hash();
  bool hashed(unsigned flow) const;
  double load_by_hash() const;
  double strange() const;
  std::optional<unsigned> wish_of_flow(unsigned f) const;
  std::optional<unsigned> wish_of(const FlowClass& c) const;

  // ---- balance -----------------------------------------------------------------------------
  struct ZoneSpread {
    std::vector<BalanceItem> items;
    std::vector<unsigned> flow, socket;  // by item: index, or none
    Balanced balanced;
    std::map<std::vector<unsigned>, std::vector<unsigned>> sets;  // bins that items may go to
  };
  void spread();
  double by_groups(unsigned queue) const;
  ZoneSpread spread_zone(unsigned z, const std::vector<double>& by_hash) const;

  void finish();

  const Inputs& inputs_;
  const Options& options_;
  const ir::Workload& workload_;
  const ir::Node* rss_;
  Classes classes_;
  RuleKinds kinds_;
  FilterProblem problem_;
  FilterPlan plan_;
  std::vector<unsigned> taken_;                // by queue: zone; 0: everybody's, or nobody's yet
  std::vector<std::vector<unsigned>> queues_;  // by zone
  std::vector<LowerBound> bounds_;             // by zone
  double hash_bound_ = 0;
  const Settled* settled_;         // may be null
  double cheapest_ = 0;            // cycles of a packet, on the cheapest queue
  std::vector<double> surcharge_;  // over it, by queue
  std::vector<unsigned> class_of_, table_of_, entry_of_, queue_of_;  // by flow
  std::vector<unsigned> socket_class_, socket_queue_;                // by rule for many flows
  std::vector<double> socket_weight_;  // with the flows that it brings
  bool by_entry_ = false;              // the table is set
  unsigned turn_ = 0;                  // it names so many of the first queues in turn; 0: any
  unsigned before_ = none;             // the first queue of a group that it spreads
  std::vector<double> entry_weight_;   // by entry of the table
  Choice out_;
};

}  // namespace weft::passes
