#include "compiler/passes/configure.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/ir/filter_shape.h"
#include "compiler/ir/rule_order.h"
#include "compiler/passes/filter_plan.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

namespace {

// A rule that looks at `wanted`, and at what its table insists on, in packets of `key`.
plan::Filter rule(const Inputs& inputs, const std::string& name, unsigned endpoint,
                  const ir::Shape& wanted, const FlowKey& key, ir::Breadth breadth,
                  bool over_endpoint = false) {
  const ir::FilterTable& table =
      *inputs.nic.receive.node(*inputs.nic.receive.find(name)).config.table;
  plan::Filter out;
  out.table = name;
  const auto shape = ir::shape_for(table, wanted, inputs.fields);
  for (const auto& [field, mask] : shape.value_or(wanted))
    out.match[field] = {static_cast<std::uint64_t>(field_of(key, field)) & mask, mask};
  out.priority = ir::priority_of(table, ir::level_for(table, breadth, over_endpoint));
  const bool can_mark =
      std::find(table.actions.begin(), table.actions.end(), "mark") != table.actions.end();
  if (table.mark_required || (table.mark_reported && can_mark)) out.mark = endpoint + 1;
  return out;
}

}  // namespace

plan::Filter flow_rule(const Inputs& inputs, const ir::Flow& flow, const std::string& table,
                       unsigned queue) {
  plan::Filter out =
      rule(inputs, table, flow.endpoint, shape_of_flow(),
           {flow.src, flow.src_port, inputs.workload.local_address(flow), flow.dst_port},
           ir::Breadth::flow);
  out.queue = queue;
  return out;
}

plan::Filter set_rule(const Inputs& inputs, const ir::FlowSet& set, const std::string& table,
                      unsigned queue, bool over_endpoint) {
  const FlowKey key{.src = set.src,
                    .src_port = set.src_port,
                    .dst = inputs.workload.local_address(set),
                    .dst_port = set.dst_port,
                    .tcp = inputs.workload.endpoints[set.endpoint].tcp};
  plan::Filter out = rule(inputs, table, set.endpoint, shape_of_set(set, key.tcp), key,
                          ir::Breadth::set, over_endpoint);
  out.queue = queue;
  return out;
}

namespace {

plan::Filter rule(const Inputs& inputs, const Choice& all, const SocketChoice& choice) {
  const ir::Endpoint& endpoint = inputs.workload.endpoints[choice.endpoint];
  if (choice.set) {
    const bool over_endpoint =
        std::any_of(all.sockets.begin(), all.sockets.end(), [&](const SocketChoice& other) {
          return !other.set && other.endpoint == choice.endpoint && other.table == choice.table;
        });
    return set_rule(inputs, inputs.workload.sets[*choice.set], choice.table, choice.queue,
                    over_endpoint);
  }
  const FlowKey key{.src_port = static_cast<std::uint16_t>(choice.part),
                    .dst = choice.address,
                    .dst_port = choice.port,
                    .tcp = endpoint.tcp};
  const ir::Shape shape = choice.whole
                              ? ir::shape_of_type()
                              : shape_of_strangers(endpoint, choice.parts, choice.port_mask);
  plan::Filter out = rule(inputs, choice.table, choice.endpoint, shape, key, ir::Breadth::endpoint);
  out.queue = choice.queue;
  out.group = choice.group;
  out.entries = choice.entries;
  return out;
}

FlowKey key_of(const Inputs& inputs, const ir::Flow& flow) {
  return {flow.src, flow.src_port, inputs.workload.local_address(flow), flow.dst_port};
}

// Rules for single flows; but for those that nobody asks for, and that a rule for many of them
// brings to the same queue with the same mark. (Pre: `card` has the rules for many. Beside a plan
// that runs, what is there stays.)
std::vector<plan::Filter> of_flows(const Inputs& inputs, const Choice& choice,
                                   const plan::Configuration& card) {
  std::optional<Steering> many;
  if (!card.filters.empty() && choice.core_queues.empty())
    many.emplace(inputs.nic, inputs.fields, card);
  std::vector<plan::Filter> out;
  for (const auto& chosen : choice.flows) {
    if (chosen.table.empty()) continue;
    const ir::Flow& flow = inputs.workload.flows[chosen.flow];
    plan::Filter own = flow_rule(inputs, flow, chosen.table, chosen.queue);
    own.id = fmt::format("f{}", chosen.flow);
    const FlowKey key = key_of(inputs, flow);
    const plan::Filter* wide = many && !chosen.itself ? many->rule_of(key) : nullptr;
    const bool spare =
        wide != nullptr && wide->mark == own.mark && many->queue_of(*wide, key) == own.queue;
    if (!spare) out.push_back(std::move(own));
  }
  return out;
}

}  // namespace

diag::Result<void> configure(const Inputs& inputs, const Choice& choice, plan::Plan& plan) {
  plan::Configuration& config = plan.configuration;
  config.rx_queues = choice.rx_queues;
  config.tx_queues = choice.rx_queues;
  config.knobs = choice.knobs;
  config.rss = choice.rss;
  plan.chosen = choice.chosen;
  for (std::size_t i = 0; i < choice.sockets.size(); ++i) {
    config.filters.push_back(rule(inputs, choice, choice.sockets[i]));
    config.filters.back().id = fmt::format("s{}", i);
  }
  const auto for_flows = of_flows(inputs, choice, config);
  config.filters.insert(config.filters.begin(), for_flows.begin(), for_flows.end());
  const Steering card(inputs.nic, inputs.fields, config);
  for (const auto& chosen : choice.flows) {
    const ir::Flow& flow = inputs.workload.flows[chosen.flow];
    const FlowKey key = key_of(inputs, flow);
    const auto where = card.deliver(key);
    // Nobody can say: the queue is the flow's owner, to which others hand it over.
    const unsigned queue = where ? where->queue : chosen.queue;
    plan::FlowEntry entry{key.src, key.src_port, key.dst, key.dst_port, flow.endpoint, queue};
    entry.pinned = flow.queue.has_value();
    if (flow.gold != inputs.workload.endpoints[flow.endpoint].gold) entry.gold = flow.gold;
    plan.flows.push_back(entry);
  }
  std::sort(plan.flows.begin(), plan.flows.end(), [](const auto& a, const auto& b) {
    return std::tie(a.src, a.src_port, a.dst, a.dst_port) <
           std::tie(b.src, b.src_port, b.dst, b.dst_port);
  });
  return {};
}

}  // namespace weft::passes
