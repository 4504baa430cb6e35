// Which rules go into which tables, against trying everything; and refusals that name what stands
// against each other, no more.
#include "compiler/passes/filter_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "compiler/passes/judge.h"

namespace weft::passes::testing {
namespace {

// A problem of a few classes and tables, with everything that it needs.
struct Small {
  ir::Node nodes[3];
  Classes classes;
  FilterProblem problem;
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 2654435761u + 1) {}
  unsigned below(unsigned n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<unsigned>((state_ >> 33) % n);
  }

 private:
  std::uint64_t state_;
};

// Without strangers: what they forbid is tried in choose_test with whole cards.
void make(Small& out, std::uint64_t seed) {
  Random random(seed);
  const unsigned classes = 2 + random.below(3), tables = 1 + random.below(3);
  out.classes.zones.resize(2);
  for (unsigned c = 0; c < classes; ++c) {
    FlowClass it;
    it.endpoint = c;
    it.rules = 1 + random.below(4);
    it.zone = random.below(3) == 0 ? 1 : 0;
    it.weight = 1 + random.below(9);
    out.classes.all.push_back(it);
    out.problem.shape.push_back(random.below(2));
    out.problem.worth.push_back(static_cast<std::int64_t>(it.weight));
  }
  out.problem.shapes = {{{"a", 1}}, {{"b", 1}}};
  for (unsigned t = 0; t < tables; ++t) {
    out.nodes[t].id = "t" + std::to_string(t);
    RuleTable table{&out.nodes[t], random.below(6), {}, {}};
    const unsigned groups = random.below(3);  // 0: any masks
    for (unsigned c = 0; c < classes; ++c) {
      table.holds.push_back(random.below(4) != 0);
      if (groups != 0) table.masks.push_back({c % groups, out.problem.shape[c]});
    }
    out.problem.tables.push_back(table);
  }
  out.problem.classes = &out.classes;
}

// Every assignment of every class to tables: the best worth, or -1 where wishes can't be met.
// `classes`: those whose wishes count; `full`, `masked`: tables whose limits count.
class Brute {
 public:
  Brute(const FilterProblem& p, std::set<unsigned> classes, std::set<unsigned> full,
        std::set<unsigned> masked)
      : p_(p),
        classes_(std::move(classes)),
        full_(std::move(full)),
        masked_(std::move(masked)),
        used_(p.tables.size(), 0),
        masks_(p.tables.size()) {}
  std::int64_t best() {
    try_class(0, 0);
    return best_;
  }

 private:
  void try_class(unsigned c, std::int64_t worth) {
    if (c == p_.shape.size()) {
      best_ = std::max(best_, worth);
      return;
    }
    try_table(c, 0, 0, worth);
  }
  void try_table(unsigned c, unsigned t, unsigned placed, std::int64_t worth) {
    const FlowClass& it = p_.classes->all[c];
    if (t == p_.tables.size()) {
      if (classes_.contains(c) && it.must() && placed < it.rules) return;
      try_class(c + 1, worth + p_.worth[c] * placed);
      return;
    }
    for (unsigned n = 0; placed + n <= it.rules; ++n) {
      if (n > 0 && !p_.tables[t].holds[c]) break;
      used_[t] += n;
      if (n > 0) note(c, t, 1);
      const bool fits = !full_.contains(t) || used_[t] <= p_.tables[t].capacity;
      if (fits && (!masked_.contains(t) || one_mask_each(t)))
        try_table(c, t + 1, placed + n, worth);
      used_[t] -= n;
      if (n > 0) note(c, t, -1);
    }
  }
  void note(unsigned c, unsigned t, int more) {
    if (!p_.tables[t].shares_masks()) return;
    const auto at = masks_[t].try_emplace(p_.tables[t].masks[c], 0).first;
    if ((at->second += more) == 0) masks_[t].erase(at);
  }
  bool one_mask_each(unsigned t) const {
    std::set<unsigned> groups;
    return std::all_of(masks_[t].begin(), masks_[t].end(), [&](const auto& in_use) {
      return groups.insert(in_use.first.group).second;
    });
  }

  const FilterProblem& p_;
  std::set<unsigned> classes_, full_, masked_;
  std::vector<unsigned> used_;
  std::vector<std::map<RuleTable::Mask, int>> masks_;  // in use, with the classes that have them
  std::int64_t best_ = -1;
};

// Rules inside each other: all that comes to the endpoint, a set of it, flows of the set and
// others.
void make_nested(Small& out, std::uint64_t seed) {
  Random random(seed);
  out.classes.zones.resize(2);
  const auto add = [&](FlowClass it) {
    it.rules = 1 + random.below(2);
    out.classes.all.push_back(it);
    out.problem.shape.push_back(0);
    out.problem.worth.push_back(it.many() ? 0 : 1);
  };
  const bool whole = random.below(4) != 0;
  add({.sets = {0}, .zone = 1, .pin = ir::QueueRange{2, 2}, .exception = whole});
  add({.inside = 0, .exception = true});
  if (random.below(2)) add({.exception = whole});
  if (whole) add({.strangers = true, .zone = 1});
  out.problem.shapes = {{{"a", 1}}};
  for (unsigned t = 0; t < 1 + random.below(3); ++t) {
    out.nodes[t].id = "t" + std::to_string(t);
    RuleTable table{&out.nodes[t], 1 + random.below(5), {}, {}, 1 + random.below(3)};
    for (unsigned c = 0; c < out.classes.all.size(); ++c)
      table.holds.push_back(random.below(4) != 0);
    out.problem.tables.push_back(table);
  }
  out.problem.classes = &out.classes;
}

// Is there a way to put all of each class that must have rules into tables?
class EveryOrder {
 public:
  explicit EveryOrder(const FilterProblem& p) : p_(p), where_(p.shape.size()) {}
  bool possible(unsigned c = 0) {
    if (c == where_.size()) return in_order();
    if (!p_.classes->all[c].must()) return possible(c + 1);
    // (The rules of a class may be in several tables: each set of them is tried.)
    for (unsigned in = 1; in < 1u << p_.tables.size(); ++in) {
      where_[c] = in;
      if (possible(c + 1)) return true;
    }
    where_[c] = 0;
    return false;
  }

 private:
  bool in(unsigned c, unsigned t) const { return (where_[c] >> t & 1) != 0; }
  bool in_order() const {
    std::vector<unsigned> need(p_.tables.size());
    for (unsigned c = 0; c < where_.size(); ++c) {
      for (unsigned t = 0; t < p_.tables.size(); ++t) {
        if (!in(c, t)) continue;
        if (!p_.tables[t].holds[c] || depth(c, t) > p_.tables[t].levels) return false;
        for (unsigned w = 0; w < where_.size(); ++w)
          for (unsigned u = 0; u < t; ++u)
            if (inside(*p_.classes, c, w) && in(w, u)) return false;
      }
    }
    return fits(0, std::vector<unsigned>(p_.tables.size()));
  }
  // One of the class is in each of its tables; the rest anywhere among them.
  bool fits(unsigned c, std::vector<unsigned> used) const {
    for (unsigned t = 0; t < used.size(); ++t)
      if (used[t] > p_.tables[t].capacity) return false;
    if (c == where_.size()) return true;
    if (where_[c] == 0) return fits(c + 1, used);
    unsigned left = p_.classes->all[c].rules;
    for (unsigned t = 0; t < used.size(); ++t) {
      if (!in(c, t)) continue;
      if (left == 0) return false;
      ++used[t];
      --left;
    }
    if (left == 0) return fits(c + 1, used);
    for (unsigned t = 0; t < used.size(); ++t) {  // (at most one more: classes have two rules)
      if (!in(c, t)) continue;
      ++used[t];
      if (fits(c + 1, used)) return true;
      --used[t];
    }
    return false;
  }
  unsigned depth(unsigned c, unsigned t) const {
    unsigned most = 0;
    for (unsigned w = 0; w < where_.size(); ++w)
      if (in(w, t) && inside(*p_.classes, c, w)) most = std::max(most, depth(w, t));
    return most + 1;
  }

  const FilterProblem& p_;
  std::vector<unsigned> where_;  // by class: bits of tables
};

std::set<unsigned> up_to(std::size_t n) {
  std::set<unsigned> out;
  for (unsigned i = 0; i < n; ++i) out.insert(i);
  return out;
}

template <class T>
std::set<unsigned> set_of(const T& list) {
  return {list.begin(), list.end()};
}

TEST(FilterPlan, IsAsGoodAsTryingEverythingAndItsRefusalsAreMinimal) {
  unsigned feasible = 0, refused = 0, certified = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Small small;
    make(small, seed);
    const FilterProblem& p = small.problem;
    const auto classes = up_to(p.shape.size()), tables = up_to(p.tables.size());
    const std::int64_t best = Brute(p, classes, tables, tables).best();
    const FilterPlan plan = plan_filters(p);
    ASSERT_EQ(plan.missing.empty(), best >= 0) << seed;
    if (best >= 0) {
      ++feasible;
      EXPECT_EQ(plan.worth, best) << seed;
      certified += certify(p, plan) ? 1 : 0;
      FilterPlan worse = plan;
      --worse.worth;
      if (worse.worth > 0) EXPECT_FALSE(certify(p, worse)) << seed;
      continue;
    }
    ++refused;
    const Contradiction why = why_not(p);
    const auto c = set_of(why.classes), full = set_of(why.full), masked = set_of(why.masked);
    ASSERT_FALSE(c.empty()) << seed;
    EXPECT_LT(Brute(p, c, full, masked).best(), 0) << seed << ": that alone contradicts";
    const auto without = [](std::set<unsigned> s, unsigned x) {
      s.erase(x);
      return s;
    };
    for (const unsigned x : c) EXPECT_GE(Brute(p, without(c, x), full, masked).best(), 0) << seed;
    for (const unsigned x : full)
      EXPECT_GE(Brute(p, c, without(full, x), masked).best(), 0) << seed;
    for (const unsigned x : masked)
      EXPECT_GE(Brute(p, c, full, without(masked, x)).best(), 0) << seed;
  }
  EXPECT_GT(feasible, 30u);
  EXPECT_GT(refused, 30u);
  EXPECT_EQ(certified, feasible);
}

TEST(FilterPlan, RulesInsideEachOtherStandInTablesThatHaveAnOrder) {
  unsigned feasible = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Small small;
    make_nested(small, seed);
    const FilterProblem& p = small.problem;
    const bool possible = EveryOrder(p).possible();
    const FilterPlan plan = plan_filters(p);
    EXPECT_EQ(plan.missing.empty(), possible) << seed;
    ++(possible ? feasible : refused);
    if (possible) continue;
    EXPECT_FALSE(why_not(p).classes.empty()) << seed;
  }
  EXPECT_GT(feasible, 60u);
  EXPECT_GT(refused, 60u);
}

}  // namespace
}  // namespace weft::passes::testing
