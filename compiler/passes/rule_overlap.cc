#include "compiler/passes/rule_overlap.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "compiler/ir/filter_shape.h"
#include "compiler/ir/rule_order.h"
#include "compiler/plan/operation.h"

namespace weft::passes {

namespace {

// Rules that look at the same bits, on one level.
struct Group {
  const ir::FilterTable* table = nullptr;
  unsigned level = 0;
  std::string type;
  ir::Shape mask;  // as the table looks at it
  std::vector<const plan::Filter*> rules;
};

Group group_of(const ir::FilterTable& table, const ir::FieldTable& fields,
               const plan::Filter& rule) {
  Group out{
      &table, ir::level_of(table, rule.priority), ir::packet_type(plan::shape_of(rule)), {}, {}};
  for (const auto& [field, want] : rule.match)
    if (const auto bits = ir::effective_mask(table, field, want.second, fields); bits != 0)
      out.mask[field] = bits;
  return out;
}

// Rules of one transport are about packets of no other, unless the driver does not look.
bool of_other_packets(const Group& a, const Group& b) {
  const auto transport = [](const std::string& type) { return type == "udp" || type == "tcp"; };
  return !a.table->items_ignored && transport(a.type) && transport(b.type) && a.type != b.type;
}

// Each bit that `wide` looks at `narrow` looks at, too.
bool as_wide(const ir::Shape& wide, const ir::Shape& narrow) {
  return std::all_of(wide.begin(), wide.end(), [&](const auto& part) {
    const auto at = narrow.find(part.first);
    return at != narrow.end() && (part.second & ~at->second) == 0;
  });
}

// Where rules of both match a packet, something is wrong.
bool must_not_meet(const Group& a, const Group& b) {
  if (of_other_packets(a, b)) return false;
  if (a.level == b.level) return true;
  return a.level > b.level ? as_wide(a.mask, b.mask) : as_wide(b.mask, a.mask);
}

ir::Shape common(const ir::Shape& a, const ir::Shape& b) {
  ir::Shape out;
  for (const auto& [field, bits] : a) {
    const auto at = b.find(field);
    if (at != b.end() && (bits & at->second) != 0) out[field] = bits & at->second;
  }
  return out;
}

// The bits of a rule's values that `mask` has.
std::string values(const plan::Filter& rule, const ir::Shape& mask) {
  std::string out;
  for (const auto& [field, bits] : mask) {
    const std::uint64_t value = rule.match.at(field).first & bits;
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return out;
}

void meet(const Group& a, const Group& b, std::vector<RulePair>& out) {
  if (!must_not_meet(a, b)) return;
  const ir::Shape both = common(a.mask, b.mask);
  std::unordered_map<std::string, const plan::Filter*> known;
  const bool same = &a == &b;
  for (const plan::Filter* rule : a.rules) {
    const auto [at, fresh] = known.emplace(values(*rule, both), rule);
    if (!same || fresh) continue;
    out.emplace_back(at->second, rule);
    return;
  }
  if (same) return;
  for (const plan::Filter* rule : b.rules) {
    const auto at = known.find(values(*rule, both));
    if (at == known.end()) continue;
    out.emplace_back(at->second, rule);
    return;
  }
}

}  // namespace

bool misordered(const ir::FilterTable& table, const ir::FieldTable& fields, const plan::Filter& a,
                const plan::Filter& b) {
  if (a.table != b.table) return false;
  const Group one = group_of(table, fields, a), other = group_of(table, fields, b);
  const ir::Shape both = common(one.mask, other.mask);
  return must_not_meet(one, other) && values(a, both) == values(b, both);
}

std::vector<RulePair> misordered_rules(const plan::Configuration& card, const ir::NicModel& nic,
                                       const ir::FieldTable& fields) {
  using Key = std::tuple<unsigned, std::string, ir::Shape>;
  std::map<std::string, std::map<Key, Group>> by_table;
  for (const plan::Filter& rule : card.filters) {
    const auto v = nic.receive.find(rule.table);
    if (!v || !nic.receive.node(*v).config.table) continue;
    Group of = group_of(*nic.receive.node(*v).config.table, fields, rule);
    Key key{of.level, of.type, of.mask};
    by_table[rule.table]
        .try_emplace(std::move(key), std::move(of))
        .first->second.rules.push_back(&rule);
  }
  std::vector<RulePair> out;
  for (const auto& [table, groups] : by_table) {
    for (auto a = groups.begin(); a != groups.end(); ++a)
      for (auto b = a; b != groups.end(); ++b) meet(a->second, b->second, out);
  }
  return out;
}

std::string misorder_text(const ir::FilterTable& table, const plan::Filter& a,
                          const plan::Filter& b) {
  const unsigned x = ir::level_of(table, a.priority), y = ir::level_of(table, b.priority);
  if (x == y)
    return fmt::format("rules {} and {} of {} match the same packets, and neither is in front",
                       a.id, b.id, a.table);
  const auto& [front, behind] = x > y ? std::tie(a, b) : std::tie(b, a);
  return fmt::format("rule {} of {} is never hit: {}, which is wider, is in front of it", behind.id,
                     a.table, front.id);
}

}  // namespace weft::passes
