#include "compiler/plan/operation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "compiler/plan/owners.h"
#include "compiler/plan/places.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"
#include "compiler/plan/text.h"

namespace weft::plan {
namespace {

using Kind = Operation::Kind;

auto key_of(const FlowEntry& f) { return std::tie(f.src, f.src_port, f.dst, f.dst_port); }
bool before_by_key(const FlowEntry& a, const FlowEntry& b) { return key_of(a) < key_of(b); }

std::string flow_text(const FlowEntry& f) {
  return fmt::format("{}:{} -> {}:{}", address_text(f.src), f.src_port, address_text(f.dst),
                     f.dst_port);
}

std::string filter_text(const Filter& f) {
  std::vector<std::string> match;
  for (const auto& [field, pair] : f.match)
    match.push_back(fmt::format("{} {}", field, match_text(field, pair.first, pair.second)));
  return fmt::format("{} in {} => {}", fmt::join(match, ", "), f.table, target_text(f));
}

tl::unexpected<diag::Error> unfit(const Operation& operation, const std::string& why) {
  return diag::fail(diag::Diagnostic{
      "E0671", fmt::format("`{}` does not fit the running plan: {}", text(operation), why)});
}

diag::Result<void> add_flow(const Operation& o, Plan& plan) {
  if (o.flow.queue >= plan.configuration.rx_queues) return unfit(o, "there is no such queue");
  if (o.flow.endpoint >= plan.endpoints.size() || plan.endpoints[o.flow.endpoint].vacant())
    return unfit(o, "there is no such endpoint");
  const auto at = std::lower_bound(plan.flows.begin(), plan.flows.end(), o.flow, before_by_key);
  if (at != plan.flows.end() && same_flow(*at, o.flow)) return unfit(o, "the flow is there");
  plan.flows.insert(at, o.flow);
  return {};
}

diag::Result<void> remove_flow(const Operation& o, Plan& plan) {
  const FlowEntry* found = find_flow(plan, o.flow);
  if (found == nullptr) return unfit(o, "there is no such flow");
  if (found->queue != o.flow.queue || found->endpoint != o.flow.endpoint)
    return unfit(o,
                 fmt::format("it is on queue {}, for endpoint {}", found->queue, found->endpoint));
  plan.flows.erase(plan.flows.begin() + (found - plan.flows.data()));
  return {};
}

diag::Result<void> move_flow(const Operation& o, Plan& plan) {
  FlowEntry* found = find_flow(plan, o.flow);
  if (found == nullptr) return unfit(o, "there is no such flow");
  if (found->queue != o.flow.queue) return unfit(o, fmt::format("it is on queue {}", found->queue));
  if (o.queue >= plan.configuration.rx_queues) return unfit(o, "there is no such queue");
  found->queue = o.queue;
  return {};
}

auto find_rule(Plan& plan, const Filter& filter) {
  auto& filters = plan.configuration.filters;
  return std::find_if(filters.begin(), filters.end(), [&](const Filter& f) {
    return f.table == filter.table && f.priority == filter.priority && f.match == filter.match;
  });
}

// Why connections that are open would be on the wrong queue behind it; "": they would not.
std::string breaks_connections(const Operation& o, const Plan& plan) {
  const bool places = o.kind == Kind::set_table ? plan.configuration.rss.segment.has_value()
                                                : about_segments(o.filter);
  const bool tcp = std::any_of(plan.endpoints.begin(), plan.endpoints.end(),
                               [](const ir::Endpoint& e) { return e.tcp; });
  if (!places || !tcp || keeps_connections(plan)) return "";
  return "connections are where it brings them, and no residue passes on what comes elsewhere";
}

diag::Result<void> create_rule(const Operation& o, Plan& plan) {
  if (const std::string why = breaks_connections(o, plan); !why.empty()) return unfit(o, why);
  for (const unsigned queue : queues_of(o.filter))
    if (queue >= plan.configuration.rx_queues) return unfit(o, "there is no such queue");
  if (find_rule(plan, o.filter) != plan.configuration.filters.end())
    return unfit(o, "the table has a rule for these packets");
  plan.configuration.filters.push_back(o.filter);
  return {};
}

diag::Result<void> destroy_rule(const Operation& o, Plan& plan) {
  if (const std::string why = breaks_connections(o, plan); !why.empty()) return unfit(o, why);
  const auto found = find_rule(plan, o.filter);
  if (found == plan.configuration.filters.end()) return unfit(o, "there is no such rule");
  if (!same_target(*found, o.filter) || found->mark != o.filter.mark)
    return unfit(
        o, fmt::format("the rule goes to {}, with mark {}", target_text(*found), found->mark));
  plan.configuration.filters.erase(found);
  return {};
}

diag::Result<void> set_table(const Operation& o, Plan& plan) {
  auto& table = plan.configuration.rss.table;
  for (const auto& [index, queue] : o.entries) {
    if (index >= table.size())
      return unfit(o, fmt::format("the table has {} entries", table.size()));
    if (queue >= plan.configuration.rx_queues)
      return unfit(o, fmt::format("there is no queue {}", queue));
  }
  if (const std::string why = breaks_connections(o, plan); !why.empty()) return unfit(o, why);
  for (const auto& [index, queue] : o.entries) table[index] = queue;
  return {};
}

diag::Result<void> set_residue(const Operation& o, Plan& plan) {
  if (o.queue >= plan.configuration.rx_queues) return unfit(o, "there is no such queue");
  if (!o.residue) return unfit(o, "the residue is missing");
  // (Residues without queues go, so that the next plan is as if it had been compiled.)
  for (Residue& r : plan.residues) std::erase(r.queues, o.queue);
  std::erase_if(plan.residues,
                [&](const Residue& r) { return r.queues.empty() && r.id != o.residue->id; });
  auto at = std::find_if(plan.residues.begin(), plan.residues.end(), [&](const Residue& r) {
    return r.id == o.residue->id && r.queue_class == o.residue->queue_class;
  });
  if (at == plan.residues.end()) {
    plan.residues.push_back(*o.residue);
    at = plan.residues.end() - 1;
    at->queues.clear();
  }
  at->queues.insert(std::lower_bound(at->queues.begin(), at->queues.end(), o.queue), o.queue);
  return {};
}

diag::Result<void> add_endpoint(const Operation& o, Plan& plan) {
  if (o.place < plan.endpoints.size() && !plan.endpoints[o.place].vacant())
    return unfit(o, fmt::format("`{}` has its place", plan.endpoints[o.place].name));
  if (o.endpoint.tcp && !takes_segments(plan))
    return diag::fail(diag::Diagnostic{
        .code = "E0671",
        .message = fmt::format("`{}` does not fit the running plan: its graph `{}` has no TCP",
                               text(o), plan.graph),
        .help = "end the stack, and start it with a plan of a graph that has: `weft compile "
                "host_ipv4`"});
  for (const ir::Endpoint& e : plan.endpoints) {
    if (e.vacant()) continue;
    if (e.name == o.endpoint.name) return unfit(o, "there is one of this name");
    const bool apart = e.port > o.endpoint.last_port() || o.endpoint.port > e.last_port();
    if (!apart && e.tcp == o.endpoint.tcp && e.bound() == o.endpoint.bound() &&
        (!e.bound() || (e.address < o.endpoint.address + o.endpoint.addresses &&
                        o.endpoint.address < e.address + e.addresses)))
      return unfit(o, fmt::format("`{}` listens there", e.name));
  }
  ir::put_endpoint(plan.endpoints, o.place, o.endpoint);
  return {};
}

diag::Result<void> remove_endpoint(const Operation& o, Plan& plan) {
  if (o.place >= plan.endpoints.size() || !ir::same_sockets(plan.endpoints[o.place], o.endpoint))
    return unfit(o, fmt::format("endpoint {} is another one", o.place));
  for (const FlowEntry& f : plan.flows)
    if (f.endpoint == o.place) return unfit(o, "it has flows");
  for (const Filter& f : plan.configuration.filters)
    if (f.mark == o.place + 1) return unfit(o, fmt::format("rule {} marks packets for it", f.id));
  forget_endpoint(plan, o.place);
  return {};
}

}  // namespace

const char* to_string(Kind kind) {
  static constexpr const char* words[] = {
      "add_flow",  "remove_flow", "move_flow", "create_rule",  "destroy_rule",
      "set_table", "set_residue", "drain",     "add_endpoint", "remove_endpoint"};
  return words[static_cast<unsigned>(kind)];
}

std::optional<FlowEntry> flow_of(const Filter& f) {
  FlowEntry out;
  const auto get = [&](const char* field, std::uint64_t all, auto& value) {
    const auto at = f.match.find(field);
    if (at == f.match.end() || at->second.second != all) return false;
    value = static_cast<std::remove_reference_t<decltype(value)>>(at->second.first);
    return true;
  };
  if (get("ipv4.src", 0xffffffff, out.src) && get("ipv4.dst", 0xffffffff, out.dst) &&
      get("udp.src_port", 0xffff, out.src_port) && get("udp.dst_port", 0xffff, out.dst_port))
    return out;
  return std::nullopt;
}

bool same_flow(const FlowEntry& a, const FlowEntry& b) { return key_of(a) == key_of(b); }

void sort_flows(Plan& plan) {
  std::stable_sort(plan.flows.begin(), plan.flows.end(), before_by_key);
}

const FlowEntry* find_flow(const Plan& plan, const FlowEntry& key) {
  const auto at = std::lower_bound(plan.flows.begin(), plan.flows.end(), key, before_by_key);
  return at != plan.flows.end() && same_flow(*at, key) ? &*at : nullptr;
}

FlowEntry* find_flow(Plan& plan, const FlowEntry& key) {
  return const_cast<FlowEntry*>(find_flow(std::as_const(plan), key));
}

std::string rule_key(const Filter& filter) {
  std::string out = fmt::format("{} {}", filter.table, filter.priority);
  for (const auto& [field, pair] : filter.match)
    out += fmt::format(" {}={:x}/{:x}", field, pair.first, pair.second);
  return out;
}

std::string text(const Operation& o) {
  switch (o.kind) {
    case Kind::add_flow:
      return fmt::format("+ flow      {} for endpoint {} on queue {}", flow_text(o.flow),
                         o.flow.endpoint, o.flow.queue);
    case Kind::remove_flow:
      return fmt::format("- flow      {} on queue {}", flow_text(o.flow), o.flow.queue);
    case Kind::move_flow:
      return fmt::format("~ flow      {} from queue {} to {}", flow_text(o.flow), o.flow.queue,
                         o.queue);
    case Kind::create_rule: return "+ rule      " + filter_text(o.filter);
    case Kind::destroy_rule: return "- rule      " + filter_text(o.filter);
    case Kind::set_table: {
      std::vector<std::string> entries;
      for (const auto& [index, queue] : o.entries)
        entries.push_back(fmt::format("{} => {}", index, queue));
      return fmt::format("~ rss table {}", fmt::join(entries, ", "));
    }
    case Kind::set_residue:
      return fmt::format("~ residue   queue {} runs {} ({})", o.queue,
                         o.residue ? o.residue->id : "?", o.residue ? o.residue->queue_class : "?");
    case Kind::drain: return fmt::format("  drain     queue {}", o.queue);
    case Kind::add_endpoint:
      return fmt::format("+ endpoint  {} on {}", o.endpoint.name, sockets_text(o.endpoint));
    case Kind::remove_endpoint: return fmt::format("- endpoint  {}", o.endpoint.name);
  }
  return "?";
}

diag::Result<void> apply(const Operation& o, Plan& plan) {
  switch (o.kind) {
    case Kind::add_flow: return add_flow(o, plan);
    case Kind::remove_flow: return remove_flow(o, plan);
    case Kind::move_flow: return move_flow(o, plan);
    case Kind::create_rule: return create_rule(o, plan);
    case Kind::destroy_rule: return destroy_rule(o, plan);
    case Kind::set_table: return set_table(o, plan);
    case Kind::set_residue: return set_residue(o, plan);
    case Kind::add_endpoint: return add_endpoint(o, plan);
    case Kind::remove_endpoint: return remove_endpoint(o, plan);
    case Kind::drain:
      if (o.queue < plan.configuration.rx_queues) return {};
      return unfit(o, "there is no such queue");
  }
  return {};
}

Operation inverse(const Operation& o, const Plan& before) {
  Operation out = o;
  switch (o.kind) {
    case Kind::add_flow: out.kind = Kind::remove_flow; break;
    case Kind::remove_flow: out.kind = Kind::add_flow; break;
    case Kind::move_flow: std::swap(out.flow.queue, out.queue); break;
    case Kind::create_rule: out.kind = Kind::destroy_rule; break;
    case Kind::destroy_rule: out.kind = Kind::create_rule; break;
    case Kind::set_table:
      for (auto& [index, queue] : out.entries) queue = before.configuration.rss.table[index];
      break;
    case Kind::set_residue:
      out.residue = std::make_shared<Residue>(*residue_of_queue(before, o.queue));
      break;
    case Kind::add_endpoint: out.kind = Kind::remove_endpoint; break;
    case Kind::remove_endpoint: out.kind = Kind::add_endpoint; break;
    case Kind::drain: break;
  }
  return out;
}

std::vector<Operation> undo(const std::vector<Operation>& done,
                            const std::vector<Operation>& inverses) {
  std::vector<Operation> out;
  std::set<unsigned> waiting;  // queues where packets may wait that a rule or the table sent there
  const auto drain = [&](unsigned queue) {
    if (waiting.erase(queue) != 0) out.push_back({.kind = Kind::drain, .queue = queue});
  };
  for (std::size_t i = done.size(); i-- > 0;) {
    if (done[i].kind == Kind::drain) continue;
    const Operation& o = inverses[i];
    if (o.kind == Kind::remove_flow || o.kind == Kind::move_flow) drain(o.flow.queue);
    if (o.kind == Kind::set_residue) drain(o.queue);
    if (o.kind == Kind::remove_endpoint) {  // none that is marked for it is on its way
      for (const unsigned queue : std::set<unsigned>(waiting)) drain(queue);
    }
    out.push_back(o);
    if (o.kind == Kind::destroy_rule)
      for (const unsigned queue : queues_of(o.filter)) waiting.insert(queue);
    if (o.kind == Kind::set_table)
      for (const auto& [index, queue] : done[i].entries) waiting.insert(queue);
  }
  return out;
}

}  // namespace weft::plan
