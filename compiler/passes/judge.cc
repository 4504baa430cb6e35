#include "compiler/passes/judge.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "compiler/smt/counting.h"

namespace weft::passes {

namespace {

using smt::Counting;
using smt::Outcome;

// Rules of a class that there can be anywhere.
unsigned most_of(const FlowClass& it) {
  return it.many() && !it.apart() && !it.exception ? 0 : it.rules;
}

// What rules would be worth if those of all tables were in one, without masks and order: no plan is
// worth more.
std::int64_t bound_of(const FilterProblem& p) {
  std::int64_t room = 0, worth = 0;
  for (const RuleTable& table : p.tables) room += table.capacity;
  std::vector<unsigned> by_worth(p.shape.size());
  std::iota(by_worth.begin(), by_worth.end(), 0u);
  std::sort(by_worth.begin(), by_worth.end(),
            [&](unsigned a, unsigned b) { return p.worth[a] > p.worth[b]; });
  for (const unsigned c : by_worth) {
    const bool somewhere = std::any_of(p.tables.begin(), p.tables.end(),
                                       [&](const RuleTable& table) { return table.holds[c]; });
    if (!somewhere || p.worth[c] <= 0) continue;
    const std::int64_t n = std::min<std::int64_t>(room, most_of(p.classes->all[c]));
    worth += n * p.worth[c];
    room -= n;
  }
  return worth;
}

// The problem as sums: x[c][t] rules of class c in table t.
class Model {
 public:
  explicit Model(const FilterProblem& p) : p_(p) {
    const auto& all = p.classes->all;
    for (unsigned c = 0; c < all.size(); ++c) {
      const unsigned most = most_of(all[c]);
      for (unsigned t = 0; t < p.tables.size(); ++t)
        x_.push_back(z3_.number(0, p.tables[t].holds[c] ? most : 0));
      Counting::Sum sum;
      add(sum, c, 1);
      z3_.at_most(sum, most);
    }
    for (unsigned t = 0; t < p.tables.size(); ++t) table(t);
    by_all_.resize(all.size());
    here_.resize(all.size());
    for (unsigned s = 0; s < all.size(); ++s) {
      if (has_rules(s)) wide(s);
    }
    for (unsigned s = 0; s < all.size(); ++s) {
      if (has_rules(s)) two_levels(s);
    }
    for (unsigned c = 0; c < all.size(); ++c) wish_.push_back(wish(c));
  }

  Counting& z3() { return z3_; }
  Counting::Fact capacity(unsigned t) const { return capacity_[t]; }
  Counting::Fact mask(unsigned t) const { return mask_[t]; }
  Counting::Fact wish_of(unsigned c) const { return wish_[c]; }
  bool has_wish(unsigned c) const { return wish_[c] != Counting::always; }

  std::vector<Counting::Fact> of_card() const {
    std::vector<Counting::Fact> out = capacity_;
    for (unsigned t = 0; t < p_.tables.size(); ++t) {
      if (p_.tables[t].shares_masks()) out.push_back(mask_[t]);
    }
    return out;
  }
  std::vector<Counting::Fact> everything() const {
    std::vector<Counting::Fact> out = of_card();
    for (unsigned c = 0; c < wish_.size(); ++c) {
      if (has_wish(c)) out.push_back(wish_[c]);
    }
    return out;
  }
  // All rules of a class, each `factor` times.
  void add(Counting::Sum& sum, unsigned c, std::int64_t factor) const {
    for (unsigned t = 0; t < p_.tables.size(); ++t) sum.emplace_back(factor, x(c, t));
  }
  // Rules of c, or as many more as a rule for all that comes to its endpoint stands for.
  void brought(Counting::Sum& sum, unsigned c) const {
    add(sum, c, 1);
    const FlowClass& flows = p_.classes->all[c];
    const auto& all = p_.classes->all;
    for (unsigned s = 0; s < all.size(); ++s) {
      if (inside(*p_.classes, c, s) && has_rules(s) && belong_together(flows, all[s]))
        sum.emplace_back(flows.rules, by_all_[s]);
    }
  }

 private:
  Counting::Number x(unsigned c, unsigned t) const { return x_[c * p_.tables.size() + t]; }

  void table(unsigned t) {
    capacity_.push_back(z3_.fact());
    Counting::Sum sum;
    for (unsigned c = 0; c < p_.shape.size(); ++c) sum.emplace_back(1, x(c, t));
    z3_.at_most(sum, p_.tables[t].capacity, capacity_.back());
    mask_.push_back(Counting::always);
    if (!p_.tables[t].shares_masks()) return;
    mask_.back() = z3_.fact();
    std::map<RuleTable::Mask, Counting::Number> chosen;
    std::map<unsigned, Counting::Sum> one;  // by group
    for (const RuleTable::Mask& mask : p_.tables[t].masks) {
      const auto [at, fresh] = chosen.try_emplace(mask);
      if (!fresh) continue;
      at->second = z3_.number(0, 1);
      one[mask.group].emplace_back(1, at->second);
    }
    for (const auto& [group, sum] : one) z3_.at_most(sum, 1, mask_.back());
    for (unsigned c = 0; c < p_.shape.size(); ++c)
      z3_.at_most({{1, x(c, t)},
                   {-std::int64_t{p_.classes->all[c].rules}, chosen.at(p_.tables[t].masks[c])}},
                  0);
  }

  // No rules for some flows behind one for many that has them, too, nor beside it where those of
  // the table have no order; and in front of it for those that belong elsewhere.
  bool has_rules(unsigned s) const {
    const FlowClass& it = p_.classes->all[s];
    return it.many() && (it.apart() || it.exception);
  }
  void wide(unsigned s) {
    const auto& all = p_.classes->all;
    by_all_[s] = z3_.number(0, 1);
    Counting::Sum all_placed = {{std::int64_t{all[s].rules}, by_all_[s]}};
    add(all_placed, s, -1);
    z3_.at_most(all_placed, 0);  // all ports have their rules, or it does not count
    for (unsigned t = 0; t < p_.tables.size(); ++t) {
      const Counting::Number here = z3_.number(0, 1);
      here_[s].push_back(here);
      z3_.at_most({{1, x(s, t)}, {-std::int64_t{all[s].rules}, here}}, 0);
      for (unsigned c = 0; c < all.size(); ++c) {
        if (!inside(*p_.classes, c, s)) continue;
        if (all[s].spare && !belong_together(all[c], all[s]) && !all[c].inside) {
          Counting::Sum own = {{-std::int64_t{all[c].rules}, by_all_[s]}};
          add(own, c, 1);
          z3_.at_least(own, 0);
        }
        for (unsigned u = p_.tables[t].levels > 1 ? t + 1 : t; u < p_.tables.size(); ++u)
          z3_.at_most({{1, x(c, u)}, {std::int64_t{all[c].rules}, here}}, all[c].rules);
      }
    }
  }

  // Where rules have two levels: none of three, each inside the next, stand in one table.
  void two_levels(unsigned s) {
    const auto& all = p_.classes->all;
    for (unsigned w = 0; w < all.size(); ++w) {
      if (!has_rules(w) || !inside(*p_.classes, w, s)) continue;
      for (unsigned c = 0; c < all.size(); ++c) {
        if (!inside(*p_.classes, c, w)) continue;
        const std::int64_t rules = all[c].rules;
        for (unsigned t = 0; t < p_.tables.size(); ++t)
          if (p_.tables[t].levels == 2)
            z3_.at_most({{1, x(c, t)}, {rules, here_[w][t]}, {rules, here_[s][t]}}, 2 * rules);
      }
    }
  }

  // What must have rules. Strangers that nobody expects are no wish of anybody.
  Counting::Fact wish(unsigned c) {
    const FlowClass& it = p_.classes->all[c];
    if ((!it.apart() && !it.exception) || it.spare) return Counting::always;
    const Counting::Fact fact = z3_.fact();
    Counting::Sum sum;
    brought(sum, c);
    z3_.at_least(sum, it.rules, fact);
    return fact;
  }

  const FilterProblem& p_;
  Counting z3_;
  std::vector<Counting::Number> x_;
  std::vector<Counting::Number> by_all_;  // by class of many flows: all of its rules are there
  std::vector<std::vector<Counting::Number>> here_;  // by such a class, by table: some of them
  std::vector<Counting::Fact> capacity_, mask_, wish_;
};

}  // namespace

bool certify(const FilterProblem& problem, const FilterPlan& plan) {
  if (plan.worth == bound_of(problem)) return plan.missing.empty();
  Model model(problem);
  Counting::Sum worth;
  for (unsigned c = 0; c < problem.shape.size(); ++c) model.add(worth, c, problem.worth[c]);
  const auto facts = model.everything();
  return model.z3().check(facts, worth, plan.worth) == Outcome::sat &&
         model.z3().check(facts, worth, plan.worth + 1) == Outcome::unsat;
}

Contradiction why_not(const FilterProblem& problem) {
  Model model(problem);
  // What a person can change goes last, so that it stays in the answer rather than the card.
  const auto core = model.z3().core(model.everything());
  const auto in_core = [&](Counting::Fact f) {
    return std::find(core.begin(), core.end(), f) != core.end();
  };
  Contradiction out;
  for (unsigned c = 0; c < problem.shape.size(); ++c) {
    if (model.has_wish(c) && in_core(model.wish_of(c))) out.classes.push_back(c);
  }
  for (unsigned t = 0; t < problem.tables.size(); ++t) {
    if (in_core(model.capacity(t))) out.full.push_back(t);
    if (problem.tables[t].shares_masks() && in_core(model.mask(t))) out.masked.push_back(t);
  }
  return out;
}

unsigned most_rules(const FilterProblem& problem, unsigned c, const std::vector<unsigned>& among) {
  Model model(problem);
  std::vector<Counting::Fact> facts = model.of_card();
  for (const unsigned other : among) {
    if (other != c) facts.push_back(model.wish_of(other));
  }
  Counting::Sum goal;
  model.brought(goal, c);
  unsigned low = 0, high = problem.classes->all[c].rules;  // low is possible, high + 1 is not
  while (low < high) {
    const unsigned middle = low + (high - low + 1) / 2;
    if (model.z3().check(facts, goal, middle) == Outcome::sat) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace weft::passes
