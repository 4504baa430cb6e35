#include "compiler/passes/hash_terms.h"

#include <fmt/format.h>

#include <set>

#include "compiler/passes/steer.h"

namespace weft::passes {

using smt::Term;

std::vector<const ir::RssType*> hashed_types(const ir::NicModel& nic, const plan::Rss& rss) {
  std::vector<const ir::RssType*> out;
  const ir::Node* unit = rss_node(nic);
  if (unit == nullptr) return out;
  for (const ir::RssType& type : unit->config.rss->types)
    if (is_on(type, rss)) out.push_back(&type);
  return out;
}

Term hashed_to(Symbolic& symbolic, const std::vector<std::string>& input, const State& state) {
  std::vector<Term> terms;
  for (const auto& field : input) terms.push_back(symbolic.value(state, field));
  return symbolic.session().apply(fmt::format("rss/{}", fmt::join(input, ",")), terms, 16);
}

Term in_table(smt::Session& session, const plan::Rss& rss, const Term& queue) {
  return is_one_of(session, queue, std::set<unsigned>(rss.table.begin(), rss.table.end()));
}

Term hashed_in(Symbolic& symbolic, const plan::Filter& rule, const std::vector<std::string>& input,
               const State& state) {
  std::vector<Term> terms;
  for (const auto& field : input) terms.push_back(symbolic.value(state, field));
  const std::string name = fmt::format("group/{}/{}/{}", fmt::join(rule.group, ","), rule.entries,
                                       fmt::join(input, ","));
  return symbolic.session().apply(name, terms, 16);
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

}  // namespace weft::passes
