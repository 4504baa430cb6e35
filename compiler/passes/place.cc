#include "compiler/passes/place.h"

#include <map>
#include <set>

#include "compiler/passes/reach.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

namespace {

double cost_of(const ir::Node& node, const Costs& costs) {
  double sum = 0;
  switch (node.kind) {
    case ir::NodeKind::match: return costs.of("match");
    case ir::NodeKind::conjunction:
    case ir::NodeKind::disjunction:
      for (const auto& item : node.items) {
        const bool read = item.when && !item.test.empty();
        sum += read ? costs.of("read") : item.test.empty() ? costs.of("item") : costs.of(item.test);
      }
      return sum;
    case ir::NodeKind::test:
    case ir::NodeKind::effect: return costs.of(node.impl);
    default: return 0;
  }
}

double cost_from(const ir::Graph& graph, ir::Vertex v, const Costs& costs) {
  double sum = 0;
  for (std::set<ir::Vertex> seen; seen.insert(v).second;) {
    const ir::Node& node = graph.node(v);
    sum += cost_of(node, costs);
    std::optional<ir::Vertex> next;
    for (unsigned p = 0; p < std::max<std::size_t>(node.ports.size(), 1) && !next; ++p)
      next = graph.next(v, p);
    if (!next) break;
    v = *next;
  }
  return sum;
}

}  // namespace

double cycles_of(const ir::Graph& graph, const Costs& costs) {
  double sum = costs.of("queue_poll");
  for (const Entry& entry : entries(graph)) {
    if (entry.name == "rx" || entry.name == "udp_send")
      sum += cost_from(graph, entry.vertex, costs);
  }
  return sum;
}

diag::Result<void> place(const Inputs& inputs, const Choice& choice, plan::Plan& plan) {
  plan.cores.resize(choice.cores);
  for (unsigned c = 0; c < choice.cores; ++c) plan.cores[c].id = c;
  for (unsigned q = 0; q < plan.configuration.rx_queues; ++q) {
    plan.cores[q % choice.cores].queues.push_back(q);
  }

  std::vector<double> rate(plan.configuration.rx_queues, 0.0);
  double total = 0;
  std::map<FlowKey, double> rate_of;
  for (const auto& flow : inputs.workload.flows) {
    rate_of[{flow.src, flow.src_port, inputs.workload.local_address(flow), flow.dst_port}] =
        flow.rate;
  }
  for (const auto& f : plan.flows) {
    rate[f.queue] += rate_of[{f.src, f.src_port, f.dst, f.dst_port}];
  }
  for (const auto& endpoint : inputs.workload.endpoints) {
    for (unsigned q = 0; q < choice.open_queues; ++q) rate[q] += endpoint.rate / choice.open_queues;
  }
  // Where a flow's packets arrive anywhere, all but one in so many are handed over to its owner.
  const ir::Node* rss = rss_node(inputs.nic);
  const bool anywhere = rss != nullptr && !rss->config.rss->predictable;
  const double away = anywhere ? 1.0 - 1.0 / plan.configuration.rx_queues : 0;
  std::vector<double> handed(plan.configuration.rx_queues, 0.0);
  for (const auto& f : plan.flows)
    handed[f.queue] += away * rate_of[{f.src, f.src_port, f.dst, f.dst_port}];
  double cycles = 0, of_handover = 0;
  for (auto& core : plan.cores) {
    for (const unsigned q : core.queues) {
      const plan::Residue* residue = plan::residue_of_queue(plan, q);
      const double passing = handed[q] * inputs.costs.of("handover");
      const double load = rate[q] * cycles_of(residue->graph, inputs.costs) + passing;
      of_handover += passing;
      core.load += load;
      cycles += load;
      total += rate[q];
    }
  }
  plan.cycles_per_packet =
      total > 0 ? cycles / total : cycles_of(plan.residues.front().graph, inputs.costs);
  // (What several cores cost is no fault of the card's.)
  const double alone = plan.cycles_per_packet - (total > 0 ? of_handover / total : 0);
  plan.cycles_saved = cycles_of(inputs.graph, inputs.costs) - alone;
  return {};
}

}  // namespace weft::passes
