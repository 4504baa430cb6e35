#include "compiler/passes/stand_in.h"

#include <algorithm>

#include "compiler/ir/rule_order.h"
#include "compiler/passes/rule_overlap.h"
#include "compiler/plan/operation.h"

namespace weft::passes {

std::optional<plan::Filter> stand_in(const Inputs& inputs, const plan::Configuration& card,
                                     const plan::Filter& now) {
  const auto node = inputs.nic.receive.find(now.table);
  if (!node || !inputs.nic.receive.node(*node).config.table) return std::nullopt;
  const ir::FilterTable& table = *inputs.nic.receive.node(*node).config.table;
  const unsigned level = ir::level_of(table, now.priority) + 1;
  if (level >= ir::levels(table)) return std::nullopt;
  plan::Filter out = now;
  out.id += "_front";
  out.priority = ir::priority_of(table, level);
  std::size_t rules = 0, groups = 0;
  for (const plan::Filter& f : card.filters) {
    if (f.table != now.table) continue;
    ++rules;
    groups += f.group.empty() ? 0 : 1;
    if (f.priority == out.priority && misordered(table, inputs.fields, f, out)) return std::nullopt;
  }
  const bool full = rules >= table.capacity || (!now.group.empty() && table.groups->count != 0 &&
                                                groups >= table.groups->count);
  return full ? std::nullopt : std::optional(std::move(out));
}

bool stands_in(const plan::Filter& a, const plan::Filter& b) {
  return a.table == b.table && a.match == b.match && a.priority != b.priority && !plan::flow_of(a);
}

}  // namespace weft::passes
