// The plan's finite tables against the workload's, as check_tables sees them, but kept entry by
// entry: what one operation changes is looked at again, and nothing else.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/ir/filter_shape.h"
#include "compiler/passes/tables.h"
#include "stack-nodes/table/address_table.h"

namespace weft::passes {

class FlowIndex {
 public:
  // Of the plan's tables, and of the workload's flows as they are wanted now. `plan` is asked for
  // nothing but its card: the caller keeps both together.
  FlowIndex(const plan::Plan& plan, const Inputs& inputs);

  void want(const FlowKey& key, unsigned endpoint);
  void forget(const FlowKey& key);
  void add_entry(const plan::FlowEntry& entry);
  void remove_entry(const FlowKey& key);
  void move_entry(const FlowKey& key, unsigned queue);
  void add_rule(const plan::Filter& rule);
  void remove_rule(const plan::Filter& rule);
  // After the plan's indirection table has changed.
  void table_changed() { card_.rss.table = plan_.configuration.rss.table; }

  std::optional<unsigned> wanted(const FlowKey& key) const;

  // What is wrong about one flow; nullopt: nothing is. `only_elsewhere`: no rule is concerned, RSS
  // brings the flow to another queue than its owner's, and entry and workload agree.
  std::optional<Suspect> look_at(const FlowKey& key, bool* only_elsewhere = nullptr) const;
  // A rule of the same table that this one may not stand beside (rule_overlap.h), but for one that
  // the one is to replace (stand_in.h).
  const plan::Filter* misordered_with(const plan::Filter& rule) const;
  // How many rules have another that stands in for them.
  std::size_t stood_in_for() const { return stood_in_for_; }
  // All flows that the card brings by the indirection table, for when that changes.
  std::vector<FlowKey> by_rss() const;
  // All that anybody speaks of.
  std::vector<FlowKey> all() const;
  TableFacts facts() const;

  // Rules of a table, and whether all of them are flows in the one form that proofs know.
  struct TableUse {
    std::size_t rules = 0;
    std::size_t listed = 0;  // of another form
    std::size_t marked = 0;
    // What rules that must share one mask look at (ir::MaskGroup): group -> mask -> rules.
    std::map<std::string, std::map<ir::Shape, std::size_t>> masks;
  };
  const std::map<std::string, TableUse>& tables() const { return tables_; }

 private:
  struct Rule {
    std::uint64_t age = 0;
    plan::Filter filter;
  };
  struct Known {
    std::optional<unsigned> wanted;           // endpoint, by the workload
    std::optional<unsigned> endpoint, queue;  // by the plan
    std::vector<Rule> rules;
  };
  std::optional<Delivery> where(const FlowKey& key, const Known& known) const;
  void drop_if_unknown(const FlowKey& key);
  bool marks(const std::string& table) const;
  bool plain(const plan::Filter& rule) const;
  std::size_t stand_ins(const plan::Filter& rule) const;
  const ir::FilterTable* limits(const std::string& table) const;

  const plan::Plan& plan_;
  const Inputs& in_;
  plan::Configuration card_;  // without rules
  Steering steering_;         // by it
  std::vector<const ir::Node*> tables_in_order_;
  AddressTable host_;
  std::unordered_map<FlowKey, Known, FlowKeyHash> flows_;
  std::list<Rule> others_;  // rules that name more than one flow
  std::map<std::string, TableUse> tables_;
  std::size_t bad_sources_ = 0;
  std::size_t stood_in_for_ = 0;
  bool predictable_ = true;
  std::uint64_t next_age_ = 0;
};

}  // namespace weft::passes
