#include "compiler/passes/card_receive.h"

#include <algorithm>

#include "compiler/passes/hash_terms.h"
#include "compiler/passes/rule_terms.h"

namespace weft::passes {

using smt::Term;

namespace {

class Receive {
 public:
  Receive(Symbolic& symbolic, const ir::NicModel& nic, const plan::Plan& plan,
          const TableFacts& facts, const Pinned& pinned)
      : symbolic_(symbolic),
        session_(symbolic.session()),
        nic_(nic),
        plan_(plan),
        facts_(facts),
        pinned_(pinned),
        key_(key_terms(symbolic)) {}

  std::vector<CardPath> run() {
    for (auto [v, end] = vertices(nic_.receive.g); v != end; ++v) {
      if (nic_.receive.node(*v).kind == ir::NodeKind::wire) visit(*v, "card");
    }
    return std::move(out_);
  }

 private:
  void visit(ir::Vertex v, const std::string& name) {
    const ir::Node& node = nic_.receive.node(v);
    if (node.kind == ir::NodeKind::queue) return deliver(name);
    if (node.kind == ir::NodeKind::drop) {
      out_.push_back({node.id, session_.all_of(conditions_), node.reason, {}});
      return;
    }
    if (node.config.table) return table(v, node);
    if (node.config.rss) {
      rss(node);
      follow(v, 0, "rss", {});
      return;
    }
    if (node.kind == ir::NodeKind::match) {
      for (const Branch& b : symbolic_.step(node, State{})) follow(v, b.port, name, {b.condition});
      return;
    }
    follow(v, 0, name, {});
  }

  void follow(ir::Vertex v, unsigned port, const std::string& name, const std::vector<Term>& when) {
    const auto next = nic_.receive.next(v, port);
    if (!next) return;
    const std::size_t before = conditions_.size();
    conditions_.insert(conditions_.end(), when.begin(), when.end());
    visit(*next, name);
    conditions_.resize(before);  // what units further on added goes too
  }

  void deliver(const std::string& name) {
    std::vector<Term> all = conditions_;
    const Term queue = queue_ ? queue_ : session_.number(0, 16);
    // Enumerated: flows of the workload arrive on their owner's queue, hashed by one RSS type.
    if (facts_.flows_arrive && !pinned_) {
      const bool hashed = name == "rss";
      if (!hashed || rss_type_ == "" || type_is_) {
        std::vector<Term> known = {key_.hit, plain()};
        if (hashed && type_is_) known.push_back(type_is_);
        if (group_holds_) known.push_back(group_holds_);
        all.push_back(session_.implies(session_.all_of(known), session_.equal(queue, key_.owner)));
      }
    }
    if (!marked_)
      all.push_back(session_.equal(symbolic_.initial("desc.mark_valid"), session_.number(0, 1)));
    out_.push_back({name, session_.all_of(all), "", queue});
  }

  // A datagram whose ports the card can see.
  Term plain() { return symbolic_.condition(ir::has("udp"), State{}); }

  void table(ir::Vertex v, const ir::Node& node) {
    const auto miss_port = nic_.receive.port(v, "miss").value_or(1);
    const bool empty =
        std::none_of(plan_.configuration.filters.begin(), plan_.configuration.filters.end(),
                     [&](const auto& f) { return f.table == node.id; });
    if (empty) return follow(v, miss_port, "card", {});
    const RuleTerms rules =
        rule_terms(symbolic_, nic_, plan_.configuration, node, facts_, key_, pinned_);
    conditions_.insert(conditions_.end(), rules.known.begin(), rules.known.end());
    const ir::FilterTable& limits = *node.config.table;
    // Flows are UDP; what else rules are about is said rule by rule.
    const bool udp_alone = rules.of_flows && limits.types.contains("udp");
    const Term applies =
        symbolic_.condition(udp_alone ? limits.types.at("udp") : limits.applies, State{});
    const Term hit = session_.all_of({applies, rules.member});
    const auto hit_port = nic_.receive.port(v, "hit").value_or(0);

    std::vector<Term> when = {hit};
    if (node.config.table->mark_reported) {
      // A rule without a mark leaves the descriptor's mark invalid.
      when.push_back(session_.equal(symbolic_.initial("desc.mark_valid"), rules.marked));
      when.push_back(session_.implies(session_.as_bool(rules.marked),
                                      session_.equal(symbolic_.initial("desc.mark"), rules.mark)));
      marked_ = true;
    }
    queue_ = rules.queue;
    // What goes to a group is where flows are if it is hashed as they are.
    if (rules.of_groups) {
      group_holds_ = session_.any_of({session_.negate(rules.of_groups), hashed_as_flows()});
      if (const auto where = where_pinned(); where && where->table == node.id)
        when.push_back(is_pinned_to(queue_, *where));
    }
    follow(v, hit_port, "rule of " + node.id, when);
    queue_ = group_holds_ = Term();
    marked_ = false;
    follow(v, miss_port, "card", {session_.negate(hit)});
  }

  // The packet has the type of header by which flows are hashed.
  Term hashed_as_flows() {
    std::vector<Term> all;
    for (const ir::RssType* type : hashed_types(nic_, plan_.configuration.rss)) {
      const Term applies = symbolic_.condition(type->applies, State{});
      const bool found = type->name == facts_.rss_type;
      all.push_back(found ? applies : session_.negate(applies));
      if (found) return session_.all_of(all);
    }
    return session_.truth(false);
  }

  void rss(const ir::Node& node) {
    const plan::Rss& rss = plan_.configuration.rss;
    rss_type_ = facts_.rss_type;
    type_is_ = Term();
    const unsigned queues = plan_.configuration.rx_queues;
    if (!node.config.rss->predictable && queues > 1) {
      queue_ = symbolic_.unknown("card/queue", 16);  // any of them
      conditions_.push_back(session_.less(queue_, session_.number(queues, 16)));
      return;
    }
    if (!rss.enabled || rss.table.empty()) {
      queue_ = session_.number(0, 16);
      return;
    }
    queue_ = hashed();
  }

  // The queue is an unknown function of the fields hashed, within the table's range.
  Term hashed() {
    const plan::Rss& rss = plan_.configuration.rss;
    Term queue = session_.number(rss.table[0], 16);
    std::vector<Term> none_before;
    std::vector<std::pair<Term, Term>> by_type;
    for (const ir::RssType* type : hashed_types(nic_, rss)) {
      const Term applies = symbolic_.condition(type->applies, State{});
      const Term q = hashed_to(symbolic_, type->input, State{});
      conditions_.push_back(in_table(session_, rss, q));
      std::vector<Term> here = none_before;
      here.push_back(applies);
      by_type.emplace_back(session_.all_of(here), q);
      if (type->name == rss_type_) type_is_ = by_type.back().first;
      none_before.push_back(session_.negate(applies));
    }
    for (auto it = by_type.rbegin(); it != by_type.rend(); ++it)
      queue = session_.ite(it->first, it->second, queue);
    if (const auto where = where_pinned(); where && where->table.empty())
      conditions_.push_back(is_pinned_to(queue, *where));
    return queue;
  }

  // Where the card really brings the one flow that is looked at.
  std::optional<Delivery> where_pinned() const {
    if (!pinned_) return std::nullopt;
    return passes::deliver(nic_, symbolic_.fields(), plan_.configuration, *pinned_);
  }
  Term is_pinned_to(const Term& queue, const Delivery& where) {
    return session_.implies(plain(), session_.equal(queue, session_.number(where.queue, 16)));
  }

  Symbolic& symbolic_;
  smt::Session& session_;
  const ir::NicModel& nic_;
  const plan::Plan& plan_;
  const TableFacts& facts_;
  const Pinned& pinned_;
  KeyTerms key_;
  std::vector<Term> conditions_;
  Term queue_, type_is_, group_holds_;
  std::string rss_type_;
  bool marked_ = false;
  std::vector<CardPath> out_;
};

}  // namespace

std::vector<CardPath> card_receive(Symbolic& symbolic, const ir::NicModel& nic,
                                   const plan::Plan& plan, const TableFacts& facts,
                                   const Pinned& pinned) {
  return Receive(symbolic, nic, plan, facts, pinned).run();
}

}  // namespace weft::passes
