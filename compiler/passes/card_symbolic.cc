#include "compiler/passes/card_symbolic.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "compiler/frontend/readers.h"
#include "compiler/ir/filter_shape.h"
#include "compiler/ir/rule_order.h"
#include "compiler/passes/addresses.h"
#include "compiler/passes/flow_sources.h"
#include "compiler/passes/resolve.h"

namespace weft::passes {

using smt::Term;

bool is_plain_flow_rule(const ir::FilterTable& table, const plan::Filter& f,
                        const ir::FieldTable& fields) {
  const auto full = [&](const char* field, std::uint64_t mask) {
    const auto it = f.match.find(field);
    return it != f.match.end() && it->second.second == mask;
  };
  std::size_t known = 4;
  for (const auto& [field, want] : f.match)
    if (ir::effective_mask(table, field, want.second, fields) == 0) ++known;
  if (full("ipv4.protocol", 0xff) && f.match.at("ipv4.protocol").first == 17) ++known;
  return full("ipv4.src", 0xffffffff) && full("ipv4.dst", 0xffffffff) &&
         full("udp.src_port", 0xffff) && full("udp.dst_port", 0xffff) && f.match.size() == known;
}

TableRules rules_of_table(const ir::Node& table, const plan::Configuration& card,
                          const ir::FieldTable& fields) {
  TableRules out;
  bool in_order = true;
  std::map<unsigned, std::vector<const plan::Filter*>, std::greater<>> by_level;
  for (const plan::Filter& f : card.filters)
    if (f.table == table.id) by_level[ir::level_of(*table.config.table, f.priority)].push_back(&f);
  for (const auto& [level, rules] : by_level) {
    for (const plan::Filter* f : rules) {
      const bool plain = is_plain_flow_rule(*table.config.table, *f, fields);
      in_order = in_order && (!plain || out.listed.empty());
      (plain && in_order ? out.flows : out.listed).push_back(f);
    }
  }
  if (in_order) return out;
  out.listed.insert(out.listed.begin(), out.flows.begin(), out.flows.end());
  out.flows.clear();
  return out;
}

Term hits(Symbolic& symbolic, const ir::FilterTable& table, const plan::Filter& rule) {
  smt::Session& session = symbolic.session();
  std::vector<Term> all;
  if (!table.types.empty())
    all.push_back(symbolic.condition(ir::applies_to(table, plan::shape_of(rule)), State{}));
  for (const auto& [field, want] : rule.match) {
    const unsigned width = symbolic.fields().find(field)->width;
    const auto bits = ir::effective_mask(table, field, want.second, symbolic.fields());
    const Term mask = session.number(bits, width);
    all.push_back(session.equal(session.arithmetic(ir::Op::bit_and, symbolic.initial(field), mask),
                                session.number(want.first & bits, width)));
  }
  return session.all_of(all);
}

namespace {

// (Groups of the same queues in the same order bring one packet to the same of them.)
Term hashed_in(Symbolic& symbolic, const plan::Filter& rule, const std::vector<std::string>& input,
               const State& state) {
  std::vector<Term> terms;
  for (const auto& field : input) terms.push_back(symbolic.value(state, field));
  const std::string name = fmt::format("group/{}/{}/{}", fmt::join(rule.group, ","), rule.entries,
                                       fmt::join(input, ","));
  return symbolic.session().apply(name, terms, 16);
}

// A rule table as terms: is the packet in it, and if so which queue and mark.
struct Rules {
  Term member, queue, mark, marked;
  bool of_flows = false;  // all of them flows of the workload
  Term of_groups;         // it is one that names several queues
};

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
    const Rules rules = rules_of(node);
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
    if (rules.of_groups)
      group_holds_ = session_.any_of({session_.negate(rules.of_groups), hashed_as_flows()});
    if (pinned_ && rules.of_groups) {
      const auto where = passes::deliver(nic_, symbolic_.fields(), plan_.configuration, *pinned_);
      if (where && where->table == node.id)
        when.push_back(
            session_.implies(plain(), session_.equal(queue_, session_.number(where->queue, 16))));
    }
    follow(v, hit_port, "rule of " + node.id, when);
    queue_ = group_holds_ = Term();
    marked_ = false;
    follow(v, miss_port, "card", {session_.negate(hit)});
  }

  Rules rules_of(const ir::Node& node) {
    const ir::FilterTable& limits = *node.config.table;
    auto [rules, others] = rules_of_table(node, plan_.configuration, symbolic_.fields());
    if (pinned_) others.insert(others.begin(), rules.begin(), rules.end());
    if (pinned_ || rules.empty()) return listed(limits, others);
    const Rules flows = of_flows(node, rules);
    if (others.empty()) return flows;
    // (Others may be about other packets; so what flows are is said here.)
    const auto& types = limits.types;
    const auto udp = types.find("udp");
    const Term member =
        udp == types.end()
            ? flows.member
            : session_.all_of({flows.member, symbolic_.condition(udp->second, State{})});
    const Rules rest = listed(limits, others);
    return {session_.any_of({member, rest.member}),
            session_.ite(member, flows.queue, rest.queue),
            session_.ite(member, flows.mark, rest.mark),
            session_.ite(member, flows.marked, rest.marked),
            false,
            rest.of_groups ? session_.all_of({session_.negate(member), rest.of_groups}) : Term()};
  }

  Rules of_flows(const ir::Node& node, const std::vector<const plan::Filter*>& rules) {
    // Enumerated: a member is a flow, on its owner's queue, marked with its endpoint.
    Rules out;
    out.of_flows = true;
    out.member = session_.apply(node.id + "/member", key_.key, 0);
    // Flows of the workload go to the host itself.
    out.member = session_.all_of({out.member, key_.hit, is_own(symbolic_, "ipv4.dst")});
    if (facts_.sources_answer) {
      const auto source = frontend::parse_expr(flow_source, symbolic_.fields(), {});
      if (source) out.member = session_.all_of({out.member, symbolic_.condition(*source, State{})});
      out.member = session_.all_of({out.member, comes_from_peer(symbolic_)});
    }
    out.queue = key_.owner;
    const bool marks = rules.front()->mark != 0;
    out.marked = session_.number(marks ? 1 : 0, 1);
    out.mark = session_.arithmetic(ir::Op::add, session_.resize(key_.endpoint, 32),
                                   session_.number(1, 32));
    return out;
  }

  // Every rule as it stands; the foremost that matches counts. For few rules, or one packet.
  Rules listed(const ir::FilterTable& table, const std::vector<const plan::Filter*>& rules) {
    Rules out{session_.truth(false), session_.number(0, 16), session_.number(0, 32),
              session_.number(0, 1)};
    for (auto it = rules.rbegin(); it != rules.rend(); ++it) {
      const plan::Filter& f = **it;
      if (pinned_ && !concerns(table, f)) continue;
      const Term here = hits(symbolic_, table, f);
      out.member = session_.any_of({here, out.member});
      out.queue = session_.ite(here, queue_of(f), out.queue);
      if (!f.group.empty()) {
        out.of_groups = out.of_groups ? session_.any_of({here, out.of_groups}) : here;
      } else if (out.of_groups) {
        out.of_groups = session_.all_of({session_.negate(here), out.of_groups});
      }
      out.mark = session_.ite(here, session_.number(f.mark, 32), out.mark);
      out.marked = session_.ite(here, session_.number(f.mark != 0 ? 1 : 0, 1), out.marked);
    }
    return out;
  }

  // The packet has the type of header by which flows are hashed.
  Term hashed_as_flows() {
    const ir::Node* unit = rss_node(nic_);
    std::vector<Term> all;
    for (const auto& type :
         unit == nullptr ? std::vector<ir::RssType>() : unit->config.rss->types) {
      if (!is_on(type, plan_.configuration.rss)) continue;
      const Term applies = symbolic_.condition(type.applies, State{});
      const bool found = type.name == facts_.rss_type;
      all.push_back(found ? applies : session_.negate(applies));
      if (found) return session_.all_of(all);
    }
    return session_.truth(false);
  }

  // Of a group: an unknown function of the fields hashed, or any of its queues.
  Term queue_of(const plan::Filter& rule) {
    if (rule.group.empty()) return session_.number(rule.queue, 16);
    if (rule.entries == 0) {
      const Term any = symbolic_.unknown("card/queue of " + rule.id, 16);
      conditions_.push_back(is_one_of(session_, any, rule.group));
      return any;
    }
    const ir::Node* unit = rss_node(nic_);
    const plan::Rss& rss = plan_.configuration.rss;
    std::vector<std::pair<Term, Term>> by_type;
    for (const auto& type :
         unit == nullptr ? std::vector<ir::RssType>() : unit->config.rss->types) {
      if (!rss.enabled || !is_on(type, rss)) continue;
      const Term q = hashed_in(symbolic_, rule, type.input, State{});
      conditions_.push_back(is_one_of(session_, q, rule.group));
      by_type.emplace_back(symbolic_.condition(type.applies, State{}), q);
    }
    Term queue = session_.number(rule.queue, 16);
    for (auto it = by_type.rbegin(); it != by_type.rend(); ++it)
      queue = session_.ite(it->first, it->second, queue);
    return queue;
  }

  // Can a rule match the pinned flow at all? The others need not be listed.
  bool concerns(const ir::FilterTable& table, const plan::Filter& f) const {
    for (const auto& [field, want] : f.match) {
      const bool of_key = field == "ipv4.src" || field == "ipv4.dst" || field == "udp.src_port" ||
                          field == "udp.dst_port";
      const auto mask = ir::effective_mask(table, field, want.second, symbolic_.fields());
      if (of_key && (field_of(*pinned_, field) & mask) != (want.first & mask)) return false;
    }
    return true;
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
    // The queue is an unknown function of the fields hashed, within the table's range.
    Term queue = session_.number(rss.table[0], 16);
    std::vector<Term> none_before;
    std::vector<std::pair<Term, Term>> by_type;
    for (const auto& type : node.config.rss->types) {
      if (!is_on(type, rss)) continue;
      const Term applies = symbolic_.condition(type.applies, State{});
      const Term q = hashed_to(symbolic_, type.input, State{});
      conditions_.push_back(in_table(session_, rss, q));
      std::vector<Term> here = none_before;
      here.push_back(applies);
      by_type.emplace_back(session_.all_of(here), q);
      if (type.name == rss_type_) type_is_ = by_type.back().first;
      none_before.push_back(session_.negate(applies));
    }
    for (auto it = by_type.rbegin(); it != by_type.rend(); ++it)
      queue = session_.ite(it->first, it->second, queue);
    if (pinned_) {
      const auto where = passes::deliver(nic_, symbolic_.fields(), plan_.configuration, *pinned_);
      if (where && where->table.empty()) {
        conditions_.push_back(
            session_.implies(plain(), session_.equal(queue, session_.number(where->queue, 16))));
      }
    }
    queue_ = queue;
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

Term hashed_to(Symbolic& symbolic, const std::vector<std::string>& input, const State& state) {
  std::vector<Term> terms;
  for (const auto& field : input) terms.push_back(symbolic.value(state, field));
  return symbolic.session().apply(fmt::format("rss/{}", fmt::join(input, ",")), terms, 16);
}

Term in_table(smt::Session& session, const plan::Rss& rss, const Term& queue) {
  return is_one_of(session, queue, std::set<unsigned>(rss.table.begin(), rss.table.end()));
}

Term arrival_of(Symbolic& symbolic, const plan::Rss& rss, const State& state) {
  smt::Session& session = symbolic.session();
  if (!rss.enabled || rss.table.empty()) return session.number(0, 16);
  const Term first = session.number(rss.table[0], 16);
  if (rss.segment->empty()) return first;
  const Term queue = hashed_to(symbolic, *rss.segment, state);
  return session.ite(in_table(session, rss, queue), queue, first);
}

Term arrival_in(Symbolic& symbolic, const plan::Rss& rss, const plan::Filter& rule,
                const State& state) {
  smt::Session& session = symbolic.session();
  const Term first = session.number(rule.queue, 16);
  if (rule.group.empty() || !rss.enabled || rss.segment->empty()) return first;
  const Term queue = hashed_in(symbolic, rule, *rss.segment, state);
  return session.ite(is_one_of(session, queue, rule.group), queue, first);
}

KeyTerms key_terms(Symbolic& symbolic) {
  const auto* decl = decl_of("udp.find_flow");
  KeyTerms out;
  out.key = symbolic.terms(decl->key, State{});
  const Lookup flow = symbolic.default_lookup(*decl, out.key);
  out.hit = flow.hit;
  out.endpoint = flow.result;
  out.owner = symbolic.session().apply("udp_flows/owner", out.key, 16);
  return out;
}

std::vector<CardPath> card_receive(Symbolic& symbolic, const ir::NicModel& nic,
                                   const plan::Plan& plan, const TableFacts& facts,
                                   const Pinned& pinned) {
  return Receive(symbolic, nic, plan, facts, pinned).run();
}

namespace {

// Units that are on and report on a fact.
std::vector<const ir::Node*> reporters(const ir::NicModel& nic, const plan::Plan& plan) {
  std::vector<const ir::Node*> out;
  for (const ir::Node* node : receive_order(nic)) {
    const auto knob = plan.configuration.knobs.find(node->config.knob);
    if (node->config.report && knob != plan.configuration.knobs.end() && knob->second)
      out.push_back(node);
  }
  return out;
}

// The frame came with this checksum unfinished.
Term unfinished(Symbolic& symbolic, const ir::Report& report, const ir::Claim& claim) {
  smt::Session& session = symbolic.session();
  return session.all_of({session.equal(symbolic.initial(report.field), session.number(3, 2)),
                         symbolic.condition(claim.evidence, State{})});
}

}  // namespace

std::map<std::string, Term> unfinished_checksums(Symbolic& symbolic, const ir::NicModel& nic,
                                                 const plan::Plan& plan) {
  std::map<std::string, Term> out;
  for (const ir::Node* node : reporters(nic, plan)) {
    const ir::Report& report = *node->config.report;
    if (!report.none_is_good) continue;
    for (const ir::Claim& claim : report.claims)
      out.emplace(claim.fact, unfinished(symbolic, report, claim));
  }
  return out;
}

// (What a test reads may have been found out by opening the datagram: where it ends.)
Term fact_on_wire(Symbolic& symbolic, const ir::Claim& claim) {
  const State opened = symbolic.effect(*decl_of("ipv4.open"), State{}).front().after;
  return symbolic.test(claim.fact, opened);
}

std::vector<Term> card_answers(Symbolic& symbolic, const ir::NicModel& nic,
                               const plan::Plan& plan) {
  smt::Session& session = symbolic.session();
  std::vector<Term> out;
  for (const ir::Node* node : reporters(nic, plan)) {
    const ir::Report& report = *node->config.report;
    const Term answer = symbolic.initial(report.field);
    for (const ir::Claim& claim : report.claims) {
      const Term fact = fact_on_wire(symbolic, claim);
      const Term evidence = symbolic.condition(claim.evidence, State{});
      const auto says = [&](unsigned word) {
        return session.all_of({session.equal(answer, session.number(word, 2)), evidence});
      };
      out.push_back(session.implies(says(1), fact));
      if (report.none_is_good)
        out.push_back(session.implies(unfinished(symbolic, report, claim), fact));
      if (report.bad_trusted) out.push_back(session.implies(says(2), session.negate(fact)));
    }
  }
  return out;
}

State card_transmit(Symbolic& symbolic, const ir::NicModel& nic, const plan::Plan& plan,
                    State state) {
  smt::Session& session = symbolic.session();
  for (const ir::Vertex v : nic.transmit.topological()) {
    const ir::Config& config = nic.transmit.node(v).config;
    if (!config.performs) continue;
    const auto knob = plan.configuration.knobs.find(config.knob);
    if (knob == plan.configuration.knobs.end() || !knob->second) continue;
    const auto asks = [&](const std::string& field) {
      return session.equal(symbolic.value(state, field), session.number(1, 1));
    };
    Term asked = asks(config.performs->field);
    if (!config.performs->needs.empty())
      asked = session.all_of({asked, asks(config.performs->needs)});
    if (session.is_false(asked)) continue;
    const State done = symbolic.effect(*decl_of(config.performs->effect), state).front().after;
    State merged = done;
    for (auto& [name, term] : merged.values)
      term = session.ite(asked, term, symbolic.value(state, name));
    state = std::move(merged);
  }
  return state;
}

}  // namespace weft::passes
