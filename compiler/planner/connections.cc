// Connections that are known before they are there, by where they come from: the stack keeps
// nothing of them, a rule for each set of them is all. It may come and go while connections are
// open (runtime/live/connections.cc).
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <set>

#include "compiler/frontend/flow_sources.h"
#include "compiler/frontend/own_addresses.h"
#include "compiler/ir/filter_shape.h"
#include "compiler/ir/rule_order.h"
#include "compiler/passes/configure.h"
#include "compiler/passes/filter_plan.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/owners.h"
#include "compiler/plan/places.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"
#include "compiler/planner/no.h"
#include "compiler/planner/planner.h"

namespace weft::planner {
namespace {

using plan::Operation;
using Kind = Operation::Kind;

using Field = std::pair<std::uint64_t, std::uint64_t>;  // value, mask

Field seen(const ir::FlowSet& set, const char* field) {
  const std::string_view name = field;
  return name == "ipv4.src" ? Field{set.src, set.src_mask} : Field{set.src_port, set.src_port_mask};
}

// Why the rule cannot be in its table beside those that there are; "": it can. Of two rules that
// match a segment the narrower one must be asked first, by an earlier table or in front in the
// same.
std::string in_the_way(const plan::Filter& rule, const std::vector<plan::Filter>& others,
                       const passes::Inputs& in) {
  std::vector<std::string> order;
  for (const ir::Node* node : passes::receive_order(in.nic)) order.push_back(node->id);
  const ir::FilterTable& table =
      *in.nic.receive.node(*in.nic.receive.find(rule.table)).config.table;
  const auto place = [&](const plan::Filter& f) {
    const unsigned level = f.table == rule.table ? ir::level_of(table, f.priority) : 0;
    return std::pair(std::find(order.begin(), order.end(), f.table), ~level);
  };
  std::size_t used = 0;
  const auto group = [&](const plan::Filter& f) {
    return ir::mask_group(table, plan::shape_of(f), in.fields);
  };
  for (const plan::Filter& other : others) {
    if (other.table == rule.table) {
      if (++used == table.capacity) return "is full";
      if (!table.same_mask_per.empty() && group(other).group == group(rule).group &&
          group(other).mask != group(rule).mask)
        return "has rules with another mask";
    }
    if (!plan::about_segments(other) || !plan::meet(other, rule)) continue;
    if (other.match == rule.match) return "has this rule";
    const bool before =
        plan::narrower(rule, other) ? place(rule) < place(other) : place(other) < place(rule);
    if (!before) return fmt::format("would ask it after, or beside, rule {}", other.id);
  }
  return "";
}

}  // namespace

// In the first table that takes it.
diag::Result<plan::Filter> Planner::rule_for(const ir::FlowSet& set, const FlowWish& wish,
                                             const std::vector<plan::Filter>& rules) const {
  const passes::Inputs& in = proof_->inputs();
  const std::string what = fmt::format("connections from {} to `{}`", ir::sources_of(set),
                                       plan().endpoints[set.endpoint].name);
  std::vector<plan::Filter> of_connections;
  for (const plan::Filter& f : rules)
    if (plan::about_segments(f)) of_connections.push_back(f);
  const std::vector<unsigned> queues = decider_->queues_for(set, wish, of_connections);
  if (queues.empty())
    return no(
        fmt::format("{} cannot be brought where they belong: the plan has no such queue", what),
        "a plan of such a workload (`weft compile`), for a new start");
  std::string why;
  for (const ir::Node* node : passes::receive_order(in.nic)) {
    if (!node->config.table ||
        !ir::shape_for(*node->config.table, passes::shape_of_set(set, true), in.fields))
      continue;
    plan::Filter rule = passes::set_rule(in, set, node->id, queues.front());
    const std::string wrong = in_the_way(rule, rules, in);
    if (wrong.empty()) return rule;
    why += fmt::format("{}{} {}", why.empty() ? "" : "; ", node->id, wrong);
  }
  return no(fmt::format("there is no rule for {}: {}", what,
                        why.empty() ? "no table of the card takes one" : why),
            "they go where the card brings what comes to the endpoint");
}

diag::Result<Operations> Planner::add_connections(const std::vector<ir::FlowSet>& sets,
                                                  const FlowWish& wish) {
  if (plan().configuration.rx_queues < 2)
    return no("there is one queue: all connections are there without a rule");
  if (!plan::keeps_connections(plan()))
    return no("rules for connections cannot change: nobody can say where the card brings them",
              "a plan with such rules (`weft compile`), for a new start");
  std::vector<plan::Filter> rules = plan().configuration.filters;
  Operations list;
  for (const ir::FlowSet& set : sets) {
    const ir::Endpoint& endpoint = plan().endpoints[set.endpoint];
    const std::uint32_t to = set.dst == 0 ? plan().host.address : set.dst;
    frontend::OwnAddresses own(plan().host);
    const bool host = ~set.src_mask == 0;
    const auto length = static_cast<unsigned>(std::popcount(set.src_mask));
    const std::string fault = host ? own.fault_of_source({set.src, set.src})
                                   : frontend::fault_of_source({set.src, length});
    if (!fault.empty())
      return no(fmt::format("no packet comes from `{}`: {}", ir::sources_of(set), fault));
    if (!own.all_own({to, to}) || !endpoint.listens(to, set.dst_port))
      return no(fmt::format("endpoint `{}` does not listen there", endpoint.name));
    auto rule = rule_for(set, wish, rules);
    if (!rule) return diag::fail(rule.error());
    rule->id = decider_->fresh_id(list.size());
    rules.push_back(*rule);
    list.push_back({.kind = Kind::create_rule, .filter = std::move(*rule)});
  }
  auto proved = prove(std::move(list));
  if (proved) changed();
  return proved;
}

std::vector<const plan::Filter*> Planner::rules_for(const Which& which) const {
  std::vector<const plan::Filter*> out;
  for (const plan::Filter& rule : plan().configuration.filters) {
    if (!plan::about_segments(rule)) continue;
    const auto its = [&](const ir::FlowSet& set) {
      return plan::seen_by(rule, "ipv4.src") == seen(set, "ipv4.src") &&
             plan::seen_by(rule, "tcp.src_port") == seen(set, "tcp.src_port");
    };
    if (std::none_of(which.sets.begin(), which.sets.end(), its)) continue;
    if (which.to && (plan::seen_by(rule, "ipv4.dst").first != which.to->first ||
                     plan::seen_by(rule, "tcp.dst_port").first != which.to->second))
      continue;
    const auto place = plan::endpoint_of(rule, plan());
    if (!which.endpoint.empty() && (!place || plan().endpoints[*place].name != which.endpoint))
      continue;
    out.push_back(&rule);
  }
  return out;
}

diag::Result<Operations> Planner::move_connections(const Which& which,
                                                   std::optional<unsigned> queue) {
  const std::vector<const plan::Filter*> rules = rules_for(which);
  if (rules.size() < which.sets.size())
    return no(fmt::format("there is no rule for connections from {}",
                          ir::sources_of(which.sets[rules.size()])));
  if (rules.size() > which.sets.size())
    return no("there are such rules for several endpoints", "say which: `to A:P`");
  if (queue && *queue >= plan().configuration.rx_queues)
    return no(fmt::format("there is no queue {}", *queue));
  Operations list;
  std::set<unsigned> left;
  for (const plan::Filter* rule : rules) {
    if (queue && rule->group.empty() && rule->queue == *queue) continue;
    if (const auto place = plan::endpoint_of(*rule, plan()); queue && place) {
      const std::vector<unsigned> may = decider_->queues_for({.endpoint = *place}, {}, {});
      if (std::find(may.begin(), may.end(), *queue) == may.end())
        return no(fmt::format("what comes to `{}` is wanted on other queues than {}",
                              plan().endpoints[*place].name, *queue),
                  "apply a workload that says otherwise");
    }
    list.push_back({.kind = Kind::destroy_rule, .filter = *rule});
    for (const unsigned q : plan::queues_of(*rule)) left.insert(q);
    if (!queue) continue;
    list.push_back({.kind = Kind::create_rule, .filter = *rule});
    plan::set_queue(list.back().filter, *queue);
  }
  for (const unsigned q : left) list.push_back({.kind = Kind::drain, .queue = q});
  auto proved = prove(std::move(list));
  if (proved) changed();
  return proved;
}

}  // namespace weft::planner
