#include "compiler/passes/configure.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/choose_key.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

namespace {

Hashing hashing_of(const Inputs& inputs, const Choice& choice) {
  Hashing out{.queues = choice.rx_queues};
  for (unsigned q = 0; q < choice.open_queues; ++q) out.open.push_back(q);
  out.elsewhere.resize(choice.rx_queues);
  for (const auto& flow : choice.flows) {
    const double rate = inputs.workload.flows[flow.flow].rate;
    if (flow.table.empty()) {
      out.flows.push_back({flow.flow, rate, std::nullopt});
    } else {
      out.elsewhere[flow.queue] += rate;
    }
  }
  for (const auto& endpoint : inputs.workload.endpoints) out.other += endpoint.rate;
  return out;
}

plan::Filter rule(const Inputs& inputs, const FlowChoice& choice) {
  const ir::Flow& flow = inputs.workload.flows[choice.flow];
  const auto v = inputs.nic.receive.find(choice.table);
  const ir::FilterTable& table = *inputs.nic.receive.node(*v).config.table;
  plan::Filter out;
  out.id = fmt::format("f{}", choice.flow);
  out.table = choice.table;
  out.queue = choice.queue;
  out.match["ipv4.src"] = {flow.src, 0xffffffff};
  out.match["ipv4.dst"] = {inputs.workload.local_address(flow), 0xffffffff};
  out.match["udp.src_port"] = {flow.src_port, 0xffff};
  out.match["udp.dst_port"] = {flow.dst_port, 0xffff};
  if (table.fields.contains("ipv4.protocol")) out.match["ipv4.protocol"] = {17, 0xff};
  if (table.priority) out.priority = table.priority->first;
  const bool can_mark =
      std::find(table.actions.begin(), table.actions.end(), "mark") != table.actions.end();
  if (table.mark_required || (table.mark_reported && can_mark)) out.mark = flow.endpoint + 1;
  return out;
}

// Gives each flow to the queue that has least to do; heavy ones come first.
class Spread {
 public:
  explicit Spread(unsigned queues) : load_(queues, 0.0) {}
  unsigned next(double rate) {
    const auto least = std::min_element(load_.begin(), load_.end());
    *least += rate;
    return static_cast<unsigned>(least - load_.begin());
  }

 private:
  std::vector<double> load_;
};

}  // namespace

diag::Result<void> configure(const Inputs& inputs, const Choice& choice, plan::Plan& plan) {
  plan::Configuration& config = plan.configuration;
  config.rx_queues = choice.rx_queues;
  config.tx_queues = choice.rx_queues;
  config.knobs = choice.knobs;
  auto rss = choose_key(inputs, hashing_of(inputs, choice));
  if (!rss) return diag::fail(rss.error());
  config.rss = std::move(*rss);
  for (const auto& flow : choice.flows) {
    if (!flow.table.empty()) config.filters.push_back(rule(inputs, flow));
  }
  const Steering card(inputs.nic, inputs.fields, config);
  Spread spread(config.rx_queues);
  for (const auto& chosen : choice.flows) {
    const ir::Flow& flow = inputs.workload.flows[chosen.flow];
    const FlowKey key{flow.src, flow.src_port, inputs.workload.local_address(flow), flow.dst_port};
    const auto where = card.deliver(key);
    // Nobody can say: the queue is the flow's owner, to which others hand it over.
    const unsigned queue = where ? where->queue : spread.next(flow.rate);
    plan.flows.push_back({key.src, key.src_port, key.dst, key.dst_port, flow.endpoint, queue});
  }
  std::sort(plan.flows.begin(), plan.flows.end(), [](const auto& a, const auto& b) {
    return std::tie(a.src, a.src_port, a.dst, a.dst_port) <
           std::tie(b.src, b.src_port, b.dst, b.dst_port);
  });
  return {};
}

}  // namespace weft::passes
