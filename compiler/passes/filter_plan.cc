#include "compiler/passes/filter_plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "compiler/ir/filter_shape.h"
#include "compiler/ir/rule_order.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

namespace {

constexpr std::int64_t finest =
    1000;  // worth of a rule of the heaviest class; others in proportion

using Masks = std::vector<std::vector<unsigned>>;  // by table, by group: the mask that it has

// A matching of classes to tables, built by augmenting: a class that finds its tables full makes
// room by moving rules of others on. In the order of their worth this gives the most worth.
class Matching {
 public:
  Matching(const FilterProblem& problem, const Masks& masks) : problem_(problem), masks_(masks) {
    for (const RuleTable& t : problem.tables) room_.push_back(t.capacity);
    rules_.assign(problem.shape.size(), std::vector<unsigned>(problem.tables.size(), 0));
  }

  // As many rules of class `c` as find room, at most `wanted`, in the last table first or in the
  // first.
  void place(unsigned c, unsigned wanted, bool last_first) {
    while (wanted > 0) {
      const unsigned n = augment(c, wanted, last_first);
      if (n == 0) return;
      wanted -= n;
    }
  }

  std::vector<std::vector<unsigned>> take() { return std::move(rules_); }
  unsigned placed(unsigned c) const {
    return std::accumulate(rules_[c].begin(), rules_[c].end(), 0u);
  }

 private:
  bool holds(unsigned c, unsigned t) const {
    const RuleTable& table = problem_.tables[t];
    if (!table.holds[c]) return false;
    if (table.shares_masks() && masks_[t][table.masks[c].group] != table.masks[c].mask)
      return false;
    return !shadowed(c, t);
  }

  // Behind a rule for many flows there are none for some of them; beside it, as far as rules of the
  // table have an order.
  bool shadowed(unsigned c, unsigned t) const {
    const Classes& classes = *problem_.classes;
    bool beside = false;
    for (unsigned other = 0; other < classes.all.size(); ++other) {
      const bool wider = inside(classes, c, other);
      if (!wider && !inside(classes, other, c)) continue;
      for (unsigned u = 0; u < rules_[other].size(); ++u) {
        if (rules_[other][u] != 0 && (wider ? u < t : u > t)) return true;
      }
      beside = beside || rules_[other][t] != 0;
    }
    return beside && 1 + wider_there(c, t) + narrower_there(c, t) > problem_.tables[t].levels;
  }

  // Most rules of the table that stand behind one of the class, each inside the next; or in front.
  unsigned wider_there(unsigned c, unsigned t) const {
    return chain(
        t, [&](unsigned other) { return inside(*problem_.classes, c, other); },
        [&](unsigned other) { return wider_there(other, t); });
  }
  unsigned narrower_there(unsigned c, unsigned t) const {
    return chain(
        t, [&](unsigned other) { return inside(*problem_.classes, other, c); },
        [&](unsigned other) { return narrower_there(other, t); });
  }
  template <class Next, class Beyond>
  unsigned chain(unsigned t, const Next& next, const Beyond& beyond) const {
    unsigned most = 0;
    for (unsigned other = 0; other < rules_.size(); ++other)
      if (rules_[other][t] != 0 && next(other)) most = std::max(most, 1 + beyond(other));
    return most;
  }

  // Shortest way over tables to one with room; rules move one table on along it.
  unsigned augment(unsigned c, unsigned wanted, bool last_first) {
    const unsigned tables = static_cast<unsigned>(problem_.tables.size());
    struct From {
      std::optional<unsigned> table;  // whose rules move on; none: those that are new
      unsigned moving = 0;            // class
    };
    std::vector<std::optional<From>> reached(tables);
    std::vector<unsigned> queue;
    for (unsigned i = 0; i < tables; ++i) {
      const unsigned t = last_first ? tables - 1 - i : i;
      if (!holds(c, t)) continue;
      reached[t] = From{std::nullopt, c};
      queue.push_back(t);
    }
    for (std::size_t at = 0; at < queue.size(); ++at) {
      const unsigned t = queue[at];
      if (room_[t] > 0 && independent(reached, t)) return shift(reached, t, wanted);
      for (unsigned other = 0; other < rules_.size(); ++other) {
        if (rules_[other][t] == 0) continue;
        for (unsigned u = 0; u < tables; ++u) {
          if (reached[u] || !holds(other, u)) continue;
          reached[u] = From{t, other};
          queue.push_back(u);
        }
      }
    }
    return 0;
  }

  // Whether each may move was asked while the others stood where they were: so none of those that
  // move is inside another one.
  template <class Reached>
  bool independent(const Reached& reached, unsigned end) const {
    std::vector<unsigned> moving;
    for (unsigned t = end;; t = *reached[t]->table) {
      const unsigned c = reached[t]->moving;
      for (const unsigned other : moving)
        if (inside(*problem_.classes, c, other) || inside(*problem_.classes, other, c))
          return false;
      moving.push_back(c);
      if (!reached[t]->table) return true;
    }
  }

  template <class Reached>
  unsigned shift(const Reached& reached, unsigned end, unsigned wanted) {
    unsigned n = std::min(wanted, room_[end]);
    for (unsigned t = end; reached[t]->table; t = *reached[t]->table)
      n = std::min(n, rules_[reached[t]->moving][*reached[t]->table]);
    room_[end] -= n;
    for (unsigned t = end;; t = *reached[t]->table) {
      rules_[reached[t]->moving][t] += n;
      if (!reached[t]->table) return n;
      rules_[reached[t]->moving][*reached[t]->table] -= n;
    }
  }

  const FilterProblem& problem_;
  const Masks& masks_;
  std::vector<unsigned> room_;
  std::vector<std::vector<unsigned>> rules_;
};

// A rule for the ports of an endpoint for all addresses would catch what is for one that is bound
// to some of them.
bool shares_ports(const Inputs& inputs, const FlowClass& strangers) {
  const auto& endpoints = inputs.workload.endpoints;
  const ir::Endpoint& e = endpoints[strangers.endpoint];
  return !e.bound() && std::any_of(endpoints.begin(), endpoints.end(), [&](const ir::Endpoint& o) {
    return o.tcp == e.tcp && o.bound() && o.port <= e.last_port() && e.port <= o.last_port();
  });
}

// Must first, rules for many flows before those for some of them (they are in nobody's way when
// they are in the last table), then by worth.
std::vector<unsigned> order_of(const FilterProblem& p) {
  std::vector<unsigned> order(p.shape.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto& all = p.classes->all;
  std::stable_sort(order.begin(), order.end(), [&](unsigned a, unsigned b) {
    if (all[a].must() != all[b].must()) return all[a].must();
    const auto width = [&](unsigned c) {
      return all[c].whole ? 3 : all[c].strangers ? 2 : all[c].many() ? 1 : 0;
    };
    if (width(a) != width(b) && all[a].must()) return width(a) > width(b);
    return p.worth[a] > p.worth[b];
  });
  return order;
}

FilterPlan with_masks(const FilterProblem& p, const Masks& masks,
                      const std::vector<unsigned>& order) {
  const auto& all = p.classes->all;
  Matching matching(p, masks);
  for (const unsigned c : order) {
    // Whom no rule must bring, the hash may; and many flows need one only where it may not.
    if ((all[c].many() || p.few) && !all[c].must()) continue;
    matching.place(c, all[c].rules, all[c].many());
  }
  FilterPlan out;
  for (const unsigned c : order) {
    const unsigned placed = matching.placed(c);
    out.worth += p.worth[c] * placed;
    if (all[c].must() && placed < all[c].rules) out.missing.push_back(c);
  }
  out.rules = matching.take();
  return out;
}

}  // namespace

unsigned FilterPlan::of(unsigned c) const {
  return std::accumulate(rules[c].begin(), rules[c].end(), 0u);
}

ir::Shape shape_of_flow(bool tcp) {
  constexpr std::uint64_t address = 0xffffffff, port = 0xffff;
  return {{"ipv4.src", address},
          {ir::port_field(tcp, "src_port"), port},
          {"ipv4.dst", address},
          {ir::port_field(tcp, "dst_port"), port}};
}

ir::Shape shape_of_set(const ir::FlowSet& set, bool tcp) {
  ir::Shape out = shape_of_flow(tcp);
  out["ipv4.src"] = set.src_mask;
  out[ir::port_field(tcp, "src_port")] = set.src_port_mask;
  std::erase_if(out, [](const auto& part) { return part.second == 0; });
  return out;
}

ir::Shape shape_of_strangers(const ir::Endpoint& endpoint, unsigned parts,
                             std::uint16_t port_mask) {
  ir::Shape out = shape_of_flow(endpoint.tcp);
  const std::string from = ir::port_field(endpoint.tcp, "src_port");
  out.erase("ipv4.src");
  out[from] = parts - 1;
  if (parts == 1) out.erase(from);
  const std::string to = ir::port_field(endpoint.tcp, "dst_port");
  out[to] = port_mask;
  if (port_mask == 0) out.erase(to);
  if (!endpoint.bound()) out.erase("ipv4.dst");
  return out;
}

namespace {

// Those that rules of the class have; several, where blocks of ports have several sizes.
std::vector<ir::Shape> shapes_of(const ir::Workload& workload, const FlowClass& c) {
  const ir::Endpoint& endpoint = workload.endpoints[c.endpoint];
  if (c.whole) return {ir::shape_of_type()};
  if (!c.strangers)
    return {c.sets.empty() ? shape_of_flow()
                           : shape_of_set(workload.sets[c.sets.front()], endpoint.tcp)};
  std::set<std::uint16_t> masks;
  for (const ir::PortBlock& block : c.blocks) masks.insert(block.mask);
  if (masks.empty()) masks.insert(0xffff);
  std::vector<ir::Shape> out;
  for (const std::uint16_t mask : masks) out.push_back(shape_of_strangers(endpoint, c.parts, mask));
  return out;
}

// Can the table hold rules of all of these, beside each other?
bool holds(const ir::FilterTable& table, const std::vector<ir::Shape>& shapes,
           const ir::FieldTable& fields) {
  return (shapes.size() == 1 || table.same_mask_per.empty()) &&
         std::all_of(shapes.begin(), shapes.end(), [&](const ir::Shape& shape) {
           return ir::shape_for(table, shape, fields).has_value();
         });
}

// By class, where the table's rules share masks.
std::vector<RuleTable::Mask> masks_of(const ir::FilterTable& table, const FilterProblem& p,
                                      const ir::FieldTable& fields) {
  std::vector<RuleTable::Mask> out;
  if (table.same_mask_per.empty()) return out;
  std::vector<std::string> groups;
  std::vector<std::vector<ir::Shape>> masks;  // by group
  const auto number = [](auto& list, const auto& item) {
    const auto at = std::find(list.begin(), list.end(), item);
    if (at != list.end()) return static_cast<unsigned>(at - list.begin());
    list.push_back(item);
    return static_cast<unsigned>(list.size() - 1);
  };
  for (const unsigned s : p.shape) {
    const ir::MaskGroup own = ir::mask_group(table, p.shapes[s], fields);
    const unsigned group = number(groups, own.group);
    masks.resize(groups.size());
    out.push_back({group, number(masks[group], own.mask)});
  }
  return out;
}

}  // namespace

FilterProblem filter_problem(const Inputs& inputs, const Classes& classes) {
  FilterProblem out;
  out.classes = &classes;
  double heaviest = 0, all_rules = 0;
  std::vector<std::vector<ir::Shape>> of_class;
  for (const FlowClass& c : classes.all) {
    of_class.push_back(shapes_of(inputs.workload, c));
    const ir::Shape& shape = of_class.back().front();
    const auto known = std::find(out.shapes.begin(), out.shapes.end(), shape);
    out.shape.push_back(static_cast<unsigned>(known - out.shapes.begin()));
    if (known == out.shapes.end()) out.shapes.push_back(shape);
    if (c.many()) continue;
    heaviest = std::max(heaviest, c.weight);
    all_rules += c.rules;
  }
  for (const FlowClass& c : classes.all) {
    const double share = heaviest > 0 ? c.weight / heaviest : 1;
    const auto worth =
        c.many() ? std::int64_t{0} : 1 + std::llround(share * static_cast<double>(finest - 1));
    // One rule for gold is worth more than all others together.
    out.worth.push_back(
        c.gold && !c.many() ? worth * (1 + finest * static_cast<std::int64_t>(all_rules)) : worth);
  }
  for (const ir::Node* node : receive_order(inputs.nic)) {
    if (!node->config.table) continue;
    const ir::FilterTable& t = *node->config.table;
    RuleTable table{node, t.capacity, {}, masks_of(t, out, inputs.fields), ir::levels(t)};
    bool any = false;
    const bool by_type = ir::by_type_alone(t);
    for (unsigned c = 0; c < classes.all.size(); ++c) {
      const FlowClass& it = classes.all[c];
      table.holds.push_back(it.whole == by_type && holds(t, of_class[c], inputs.fields) &&
                            !(it.strangers && !it.whole && shares_ports(inputs, it)));
      any = any || table.holds.back();
    }
    if (any) out.tables.push_back(std::move(table));
  }
  return out;
}

FilterPlan plan_filters(const FilterProblem& problem) {
  const std::vector<unsigned> order = order_of(problem);
  // By table and group, those of classes that the table could hold.
  std::map<std::pair<unsigned, unsigned>, std::set<unsigned>> in_use;
  Masks masks(problem.tables.size());
  for (unsigned t = 0; t < problem.tables.size(); ++t) {
    const RuleTable& table = problem.tables[t];
    for (unsigned c = 0; c < table.masks.size(); ++c) {
      const auto& [group, mask] = table.masks[c];
      masks[t].resize(std::max<std::size_t>(masks[t].size(), group + 1), 0);
      if (table.holds[c]) in_use[{t, group}].insert(mask);
    }
  }
  std::optional<FilterPlan> best;
  const auto better = [&](const FilterPlan& a) {
    if (!best) return true;
    std::int64_t missing = 0, fewest = 0;
    for (const unsigned c : a.missing) missing += problem.classes->all[c].rules - a.of(c);
    for (const unsigned c : best->missing) fewest += problem.classes->all[c].rules - best->of(c);
    return missing != fewest ? missing < fewest : a.worth > best->worth;
  };
  // All ways to give each group one of them.
  std::size_t ways = 1;
  for (const auto& [where, those] : in_use) {
    if (ways < 10'000) ways *= those.size();
  }
  for (std::size_t way = 0; way < ways; ++way) {
    std::size_t rest = way;
    for (const auto& [where, those] : in_use) {
      masks[where.first][where.second] =
          *std::next(those.begin(), static_cast<std::ptrdiff_t>(rest % those.size()));
      rest /= those.size();
    }
    FilterPlan plan = with_masks(problem, masks, order);
    if (better(plan)) best = std::move(plan);
  }
  return std::move(*best);
}

}  // namespace weft::passes
