#include "compiler/passes/rule_terms.h"

#include <functional>
#include <map>

#include "compiler/frontend/readers.h"
#include "compiler/ir/filter_shape.h"
#include "compiler/ir/rule_order.h"
#include "compiler/passes/addresses.h"
#include "compiler/passes/flow_sources.h"
#include "compiler/passes/hash_terms.h"

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

class Rules {
 public:
  Rules(Symbolic& symbolic, const ir::NicModel& nic, const plan::Configuration& card,
        const TableFacts& facts, const KeyTerms& key, const Pinned& pinned)
      : symbolic_(symbolic),
        session_(symbolic.session()),
        nic_(nic),
        card_(card),
        facts_(facts),
        key_(key),
        pinned_(pinned) {}

  RuleTerms run(const ir::Node& node) {
    RuleTerms out = all_of(node);
    out.known = std::move(known_);
    return out;
  }

 private:
  RuleTerms all_of(const ir::Node& node) {
    const ir::FilterTable& limits = *node.config.table;
    auto [rules, others] = rules_of_table(node, card_, symbolic_.fields());
    if (pinned_) others.insert(others.begin(), rules.begin(), rules.end());
    if (pinned_ || rules.empty()) return listed(limits, others);
    const RuleTerms flows = of_flows(node, rules);
    if (others.empty()) return flows;
    // (Others may be about other packets; so what flows are is said here.)
    const auto& types = limits.types;
    const auto udp = types.find("udp");
    const Term member =
        udp == types.end()
            ? flows.member
            : session_.all_of({flows.member, symbolic_.condition(udp->second, State{})});
    const RuleTerms rest = listed(limits, others);
    return {session_.any_of({member, rest.member}),
            session_.ite(member, flows.queue, rest.queue),
            session_.ite(member, flows.mark, rest.mark),
            session_.ite(member, flows.marked, rest.marked),
            false,
            rest.of_groups ? session_.all_of({session_.negate(member), rest.of_groups}) : Term()};
  }

  RuleTerms of_flows(const ir::Node& node, const std::vector<const plan::Filter*>& rules) {
    // Enumerated: a member is a flow, on its owner's queue, marked with its endpoint.
    RuleTerms out;
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
  RuleTerms listed(const ir::FilterTable& table, const std::vector<const plan::Filter*>& rules) {
    RuleTerms out{session_.truth(false), session_.number(0, 16), session_.number(0, 32),
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

  // Of a group: an unknown function of the fields hashed, or any of its queues.
  Term queue_of(const plan::Filter& rule) {
    if (rule.group.empty()) return session_.number(rule.queue, 16);
    if (rule.entries == 0) {
      const Term any = symbolic_.unknown("card/queue of " + rule.id, 16);
      known_.push_back(is_one_of(session_, any, rule.group));
      return any;
    }
    Term queue = session_.number(rule.queue, 16);
    if (!card_.rss.enabled) return queue;
    std::vector<std::pair<Term, Term>> by_type;
    for (const ir::RssType* type : hashed_types(nic_, card_.rss)) {
      const Term q = hashed_in(symbolic_, rule, type->input, State{});
      known_.push_back(is_one_of(session_, q, rule.group));
      by_type.emplace_back(symbolic_.condition(type->applies, State{}), q);
    }
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

  Symbolic& symbolic_;
  smt::Session& session_;
  const ir::NicModel& nic_;
  const plan::Configuration& card_;
  const TableFacts& facts_;
  const KeyTerms& key_;
  const Pinned& pinned_;
  std::vector<Term> known_;
};

}  // namespace

RuleTerms rule_terms(Symbolic& symbolic, const ir::NicModel& nic, const plan::Configuration& card,
                     const ir::Node& table, const TableFacts& facts, const KeyTerms& key,
                     const Pinned& pinned) {
  return Rules(symbolic, nic, card, facts, key, pinned).run(table);
}

}  // namespace weft::passes
