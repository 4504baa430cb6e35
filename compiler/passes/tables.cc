#include "compiler/passes/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "compiler/ir/filter_shape.h"
#include "compiler/passes/check_memory.h"
#include "compiler/passes/flow_sources.h"
#include "compiler/passes/spread_check.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/operation.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"

namespace weft::passes {

std::string flow_text(const FlowKey& k) {
  const auto address = [](std::uint32_t a) {
    return fmt::format("{}.{}.{}.{}", a >> 24, (a >> 16) & 255, (a >> 8) & 255, a & 255);
  };
  return fmt::format("{}:{} to {}:{}", address(k.src), k.src_port, address(k.dst), k.dst_port);
}

namespace {

using Flows = std::map<FlowKey, unsigned>;  // -> endpoint

Flows workload_flows(const ir::Workload& w) {
  Flows out;
  for (const auto& f : w.flows)
    out[{f.src, f.src_port, w.local_address(f), f.dst_port}] = f.endpoint;
  return out;
}

}  // namespace

std::optional<FlowKey> key_of(const plan::Filter& f) {
  const auto flow = plan::flow_of(f);
  return flow ? std::optional(key_of(*flow)) : std::nullopt;
}

namespace {

// A datagram that is no flow's, and that a rule for more than one flow catches all the same: its
// values with one bit changed that the card does not look at. nullopt where there is none.
std::optional<FlowKey> caught_besides(const plan::Filter& rule, const ir::FilterTable& table,
                                      const ir::FieldTable& fields, const Flows& wanted) {
  FlowKey key;
  const auto value = [&](const char* field) {
    const auto it = rule.match.find(field);
    return it == rule.match.end() ? std::uint64_t{1} : it->second.first;
  };
  key.src = static_cast<std::uint32_t>(value("ipv4.src"));
  key.dst = static_cast<std::uint32_t>(value("ipv4.dst"));
  key.src_port = static_cast<std::uint16_t>(value("udp.src_port"));
  key.dst_port = static_cast<std::uint16_t>(value("udp.dst_port"));
  const auto flips = [&](const char* field, auto FlowKey::*part) -> std::optional<FlowKey> {
    const auto it = rule.match.find(field);
    const std::uint64_t mask =
        it == rule.match.end() ? 0 : ir::effective_mask(table, field, it->second.second, fields);
    for (unsigned bit = 0; bit < 8 * sizeof(key.*part); ++bit) {
      FlowKey other = key;
      other.*part = static_cast<std::remove_reference_t<decltype(key.*part)>>(
          other.*part ^ (std::uint64_t{1} << bit));
      if ((mask >> bit & 1) == 0 && !wanted.contains(other)) return other;
    }
    return std::nullopt;
  };
  if (auto k = flips("ipv4.dst", &FlowKey::dst)) return k;
  if (auto k = flips("udp.dst_port", &FlowKey::dst_port)) return k;
  if (auto k = flips("ipv4.src", &FlowKey::src)) return k;
  return flips("udp.src_port", &FlowKey::src_port);
}

}  // namespace

TableCheck check_tables(const plan::Plan& plan, const Inputs& inputs) {
  TableCheck out;
  const Flows wanted = workload_flows(inputs.workload);
  std::map<FlowKey, const plan::FlowEntry*> planned;
  for (const auto& f : plan.flows) planned[{f.src, f.src_port, f.dst, f.dst_port}] = &f;

  const auto suspect = [&](const FlowKey& key, std::string why) {
    Suspect s;
    s.key = key;
    s.why = std::move(why);
    if (const auto it = wanted.find(key); it != wanted.end()) s.endpoint = it->second;
    if (const auto it = planned.find(key); it != planned.end()) {
      s.owner = it->second->queue;
      s.plan_endpoint = it->second->endpoint;
    }
    out.suspects.push_back(std::move(s));
  };

  const Steering card(inputs.nic, inputs.fields, plan.configuration);
  out.facts.sources_answer = flow_sources_answer(inputs.workload);
  // Does the card bring every flow to the queue whose shard has its state?
  for (const auto& [key, endpoint] : wanted) {
    const auto it = planned.find(key);
    if (it == planned.end()) {
      suspect(key, fmt::format("flow {} is in no shard's table", flow_text(key)));
      continue;
    }
    if (it->second->endpoint != endpoint) {
      suspect(key, fmt::format("the plan gives flow {} to the wrong endpoint", flow_text(key)));
      continue;
    }
    const auto where = card.deliver(key);
    if (where && !where->rss_type.empty()) out.facts.rss_type = where->rss_type;
    if (where && where->queue == it->second->queue) continue;
    if (!where) {  // anywhere: the proof looks at all queues
      out.facts.flows_arrive = false;
      continue;
    }
    suspect(key, fmt::format("flow {} arrives on queue {}, its state is on queue {}",
                             flow_text(key), where->queue, it->second->queue));
  }
  for (const auto& [key, entry] : planned) {
    if (!wanted.contains(key)) {
      suspect(key, fmt::format("stale entry: the workload has no flow {}", flow_text(key)));
    }
  }
  // Is every rule a flow, on its owner's queue, with its endpoint as the mark?
  for (const auto& rule : plan.configuration.filters) {
    const auto key = key_of(rule);
    const auto table = inputs.nic.receive.find(rule.table);
    if (!key) {  // its table's rules are listed as they stand, and proved as such
      const auto queues = plan::queues_of(rule);
      const bool known = std::any_of(queues.begin(), queues.end(), [&](unsigned q) {
        const plan::Residue* residue = plan::residue_of_queue(plan, q);
        return residue != nullptr && residue->queue_class == "flows";
      });
      if (!table || !known) continue;
      // The queue expects nothing but flows.
      const auto& limits = *inputs.nic.receive.node(*table).config.table;
      if (const auto other = caught_besides(rule, limits, inputs.fields, wanted))
        suspect(*other,
                fmt::format("rule {} catches more than flows: {}", rule.id, flow_text(*other)));
      continue;
    }
    const auto it = wanted.find(*key);
    const auto p = planned.find(*key);
    const auto v = inputs.nic.receive.find(rule.table);
    const bool marks = v && inputs.nic.receive.node(*v).config.table &&
                       inputs.nic.receive.node(*v).config.table->mark_reported;
    std::string why;
    if (it == wanted.end()) {
      why = fmt::format("stale rule {}: the workload has no flow {}", rule.id, flow_text(*key));
    } else if (p == planned.end() || p->second->queue != rule.queue) {
      why = fmt::format("rule {} sends flow {} to {}", rule.id, flow_text(*key),
                        plan::target_text(rule));
    } else if (marks && rule.mark != it->second + 1) {
      why = fmt::format("rule {} marks flow {} with {}, its endpoint is {}", rule.id,
                        flow_text(*key), rule.mark, it->second);
    }
    if (why.empty()) continue;
    suspect(*key, std::move(why));
  }
  return out;
}

namespace {

using diag::Diagnostic;

tl::unexpected<diag::Error> refuse(const char* code, std::string message, std::string help) {
  return diag::fail(Diagnostic{code, std::move(message), {}, "", {}, std::move(help)});
}

constexpr const char* recompile = "run `weft compile` again";

diag::Result<void> check_inputs(const plan::Plan& plan, const Inputs& in) {
  const std::pair<const char*, const std::string*> digests[] = {{"graph", &in.graph.digest},
                                                                {"nic", &in.nic.digest},
                                                                {"workload", &in.workload.digest},
                                                                {"headers", &in.fields.digest}};
  for (const auto& [name, digest] : digests) {
    const auto it = plan.inputs.find(name);
    if (it == plan.inputs.end() || it->second != *digest) {
      return refuse("E0501", fmt::format("the plan was made for another {}", name),
                    fmt::format("{}, or give the {} that the plan was made for", recompile, name));
    }
  }
  if (!(plan.host == in.workload.host)) {
    return refuse("E0502", "the plan's host differs from the workload's", recompile);
  }
  bool same = plan.endpoints.size() == in.workload.endpoints.size();
  for (std::size_t i = 0; same && i < plan.endpoints.size(); ++i)
    same = ir::same_sockets(plan.endpoints[i], in.workload.endpoints[i]);
  if (!same) return refuse("E0502", "the plan's endpoints differ from the workload's", recompile);
  return {};
}

diag::Result<void> check_rules(const plan::Plan& plan, const Inputs& in) {
  std::map<std::string, unsigned> used, grouped;
  std::map<std::pair<std::string, std::string>, ir::Shape> masks;
  for (const auto& rule : plan.configuration.filters) {
    if (auto ok = check_rule(rule, plan.configuration, in); !ok) return ok;
    const ir::FilterTable& table =
        *in.nic.receive.node(*in.nic.receive.find(rule.table)).config.table;
    if (++used[rule.table] > table.capacity) {
      return refuse(
          "E0504",
          fmt::format("table {} takes {} rules, the plan has more", rule.table, table.capacity),
          recompile);
    }
    const unsigned groups = table.groups ? table.groups->count : 0;
    if (!rule.group.empty() && groups != 0 && ++grouped[rule.table] > groups) {
      return refuse(
          "E0508",
          fmt::format("table {} takes {} groups of queues, the plan has more", rule.table, groups),
          recompile);
    }
    if (!table.same_mask_per.empty()) {
      const ir::MaskGroup own = ir::mask_group(table, plan::shape_of(rule), in.fields);
      const auto& first = masks.try_emplace({rule.table, own.group}, own.mask).first->second;
      if (first != own.mask) {
        return refuse("E0507",
                      fmt::format("rule {}: all rules of table {}{} share one mask", rule.id,
                                  rule.table, own.group.empty() ? "" : " for " + own.group),
                      recompile);
      }
    }
  }
  return {};
}

diag::Result<void> check_queues(const plan::Plan& plan, const Inputs& in) {
  const auto& c = plan.configuration;
  if (c.rx_queues == 0 || c.rx_queues > in.nic.rx_queues.max ||
      c.tx_queues > in.nic.tx_queues.max) {
    return refuse(
        "E0505",
        fmt::format("{} queues planned, {} has {}", c.rx_queues, in.nic.name, in.nic.rx_queues.max),
        recompile);
  }
  const ir::Node* rss = rss_node(in.nic);
  for (const auto q : c.rss.table) {
    const unsigned reach = rss == nullptr || rss->config.rss->queue_reach == 0
                               ? c.rx_queues
                               : rss->config.rss->queue_reach;
    if (q >= c.rx_queues || q >= reach) {
      return refuse("E0505", fmt::format("the RSS table names queue {}, which it can't reach", q),
                    recompile);
    }
  }
  for (const auto& f : plan.flows) {
    if (f.queue >= c.rx_queues) {
      return refuse("E0505",
                    fmt::format("a flow is on queue {}, there are {}", f.queue, c.rx_queues),
                    recompile);
    }
  }
  std::vector<unsigned> residues(c.rx_queues), cores(c.rx_queues);
  for (const auto& r : plan.residues) {
    for (const auto q : r.queues) {
      if (q < c.rx_queues) ++residues[q];
    }
  }
  for (const auto& core : plan.cores) {
    for (const auto q : core.queues) {
      if (q < c.rx_queues) ++cores[q];
    }
  }
  for (unsigned q = 0; q < c.rx_queues; ++q) {
    if (residues[q] != 1 || cores[q] != 1) {
      return refuse("E0509", fmt::format("queue {} needs exactly one residue and one core", q),
                    recompile);
    }
  }
  for (const auto& [knob, on] : c.knobs) {
    if (in.fields.find("knob." + knob) != nullptr) continue;
    bool known = false;
    for (const ir::Graph* g : {&in.nic.receive, &in.nic.transmit}) {
      for (auto [v, end] = vertices(g->g); v != end; ++v)
        known = known || g->node(*v).config.knob == knob;
    }
    if (!known && on)
      return refuse("E0503", fmt::format("{} has no knob {}", in.nic.name, knob), recompile);
  }
  return {};
}

// Why the rule cannot name the queues that it names; "": it can.
std::string fault_of_group(const plan::Filter& rule, const ir::FilterTable& table,
                           const plan::Configuration& config, const Inputs& in) {
  if (rule.group.empty()) return "";
  if (!table.groups) return "takes no groups of queues";
  if (const std::string why = ir::why_no_group(*table.groups, rule.group); !why.empty()) return why;
  if (rule.entries != table.groups->entries)
    return fmt::format("has {} entries for each group, not {}", table.groups->entries,
                       rule.entries);
  const ir::Node* rss = rss_node(in.nic);
  if (table.groups->of_rss) {
    if (const std::string why = ir::why_not_beside(config.rss.table, rule.group); !why.empty())
      return why;
    for (const plan::Filter& other : config.filters)
      if (other.table == rule.table && ir::overlap_in_part(other.group, rule.group))
        return fmt::format("has groups with all queues in common, or none, and {} has some",
                           other.id);
  }
  if (rule.entries != 0 && (rss == nullptr || !rss->config.rss->predictable))
    return "spreads over a group by a hash that nobody can predict";
  return key_of(rule) ? "takes no group for one flow, which has one queue" : "";
}

}  // namespace

diag::Result<void> check_rule(const plan::Filter& rule, const plan::Configuration& config,
                              const Inputs& in) {
  const auto v = in.nic.receive.find(rule.table);
  if (!v || !in.nic.receive.node(*v).config.table) {
    return refuse("E0503",
                  fmt::format("rule {}: {} has no table `{}`", rule.id, in.nic.name, rule.table),
                  recompile);
  }
  const ir::FilterTable& table = *in.nic.receive.node(*v).config.table;
  for (const unsigned queue : plan::queues_of(rule)) {
    if (queue < config.rx_queues) continue;
    return refuse(
        "E0505",
        fmt::format("rule {} names queue {}, there are {}", rule.id, queue, config.rx_queues),
        recompile);
  }
  if (const std::string why = fault_of_group(rule, table, config, in); !why.empty())
    return refuse("E0508", fmt::format("rule {}: table {} {}", rule.id, rule.table, why),
                  recompile);
  if (const auto why = ir::why_not(table, plan::shape_of(rule), in.fields)) {
    return refuse("E0506", fmt::format("rule {}: table {} {}", rule.id, rule.table, *why),
                  recompile);
  }
  // Drivers take a rule with ports as one about their protocol.
  const auto protocol = rule.match.find("ipv4.protocol");
  const bool tcp = plan::about_segments(rule);
  const bool udp = rule.match.contains("udp.src_port") || rule.match.contains("udp.dst_port");
  if (tcp && udp)
    return refuse("E0508", fmt::format("rule {}: ports of UDP and of TCP", rule.id), recompile);
  if ((tcp || udp) && protocol != rule.match.end() &&
      protocol->second.first != ((tcp ? 6u : 17u) & protocol->second.second)) {
    return refuse("E0508",
                  fmt::format("rule {}: ports of {} in packets of protocol {}", rule.id,
                              tcp ? "TCP" : "UDP", protocol->second.first),
                  recompile);
  }
  if (table.priority &&
      (rule.priority < table.priority->first || rule.priority > table.priority->second)) {
    return refuse("E0508",
                  fmt::format("rule {}: table {} wants a priority from {} to {}", rule.id,
                              rule.table, table.priority->first, table.priority->second),
                  recompile);
  }
  if (table.mark_required && rule.mark == 0) {
    return refuse("E0508",
                  fmt::format("rule {}: table {} is reached only with a mark", rule.id, rule.table),
                  recompile);
  }
  return {};
}

diag::Result<void> check_plan(const plan::Plan& plan, const Inputs& inputs) {
  if (auto ok = check_inputs(plan, inputs); !ok) return ok;
  if (auto ok = check_queues(plan, inputs); !ok) return ok;
  if (auto ok = check_spread(plan, inputs); !ok) return ok;
  if (auto ok = check_rules(plan, inputs); !ok) return ok;
  return check_memory(plan, inputs);
}

}  // namespace weft::passes
