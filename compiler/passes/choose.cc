#include "compiler/passes/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "compiler/passes/steer.h"

namespace weft::passes {

namespace {

// Fields that tell one flow from all others; a table that can't look at all of them is not used.
constexpr const char* flow_fields[] = {"ipv4.src", "udp.src_port", "ipv4.dst", "udp.dst_port"};

bool fits_flows(const ir::FilterTable& table) {
  for (const char* field : flow_fields) {
    const auto it = table.fields.find(field);
    if (it == table.fields.end() || it->second == ir::Match::none) return false;
  }
  return true;
}

bool has_switch(const ir::NicModel& nic, std::string_view name) {
  auto [v, end] = vertices(nic.receive.g);
  return std::any_of(v, end,
                     [&](ir::Vertex u) { return nic.receive.node(u).config.toggle == name; });
}

// Which groups are wanted changes while the stack runs: the card lets in all or none, and where it
// can't tell groups from others, everything.
bool lets_in_groups(const Inputs& inputs, std::string_view toggle) {
  if (!inputs.workload.host.multicast) return false;
  return toggle == "allmulticast" || !has_switch(inputs.nic, "allmulticast");
}

// A switch is worth its while when the card, and not the driver on the polling core, does the work.
void choose_knobs(const Inputs& inputs, Choice& out) {
  for (const ir::Graph* graph : {&inputs.nic.receive, &inputs.nic.transmit}) {
    for (auto [v, end] = vertices(graph->g); v != end; ++v) {
      const ir::Config& config = graph->node(*v).config;
      if (config.knob.empty()) continue;
      double saved = 0;
      if (config.report && !ir::is_false(config.report->evidence))
        saved = inputs.costs.of(config.report->fact) - inputs.costs.of("read");
      if (config.performs) {
        saved =
            inputs.costs.of(config.performs->effect) - inputs.costs.of(config.performs->request);
      }
      out.knobs[config.knob] = !config.in_software && saved > 0;
      if (!config.toggle.empty()) out.knobs[config.knob] = lets_in_groups(inputs, config.toggle);
    }
  }
}

unsigned choose_queues(const Inputs& inputs, const Options& options) {
  unsigned wanted = options.queues != 0 ? options.queues : inputs.workload.queues;
  wanted = std::min({wanted, inputs.nic.rx_queues.max, inputs.nic.tx_queues.max});
  const ir::Node* rss = rss_node(inputs.nic);
  if (rss == nullptr) wanted = 1;  // everything arrives on queue 0
  // Where nobody can say which queue a packet arrives on, most packets are handed over to another
  // one: that pays for more cores, and for nothing else.
  const unsigned cores = options.cores != 0 ? options.cores : inputs.workload.cores;
  if (rss != nullptr && !rss->config.rss->predictable && options.queues == 0)
    wanted = std::min(wanted, cores);
  return std::max(1u, wanted);
}

// Heaviest flows first, into the tables in the order in which the card asks them.
void choose_filters(const Inputs& inputs, Choice& out) {
  std::vector<unsigned> by_rate(inputs.workload.flows.size());
  std::iota(by_rate.begin(), by_rate.end(), 0u);
  std::stable_sort(by_rate.begin(), by_rate.end(), [&](unsigned a, unsigned b) {
    return inputs.workload.flows[a].rate > inputs.workload.flows[b].rate;
  });
  std::vector<std::pair<std::string, unsigned>> free;  // table, rules left
  // Where something is asked of all packets (`spread:`), a rule would bring some of them elsewhere.
  if (out.rx_queues > 1 && !inputs.workload.spread.binds()) {
    for (const ir::Node* node : receive_order(inputs.nic)) {
      if (node->config.table && fits_flows(*node->config.table)) {
        free.emplace_back(node->id, node->config.table->capacity);
      }
    }
  }
  for (const unsigned flow : by_rate) {
    while (!free.empty() && free.front().second == 0) free.erase(free.begin());
    std::string table;
    if (!free.empty()) {
      table = free.front().first;
      --free.front().second;
    }
    out.flows.push_back({flow, table, 0});
  }
}

// Queues that only rules feed, so that their residue need not classify. The rest, and always queue
// 0, stays open; how many, in proportion to the load that no rule catches.
unsigned choose_open_queues(const Inputs& inputs, const Choice& choice) {
  double ruled = 0, other = 0;
  for (const auto& endpoint : inputs.workload.endpoints) other += endpoint.rate;
  for (const auto& flow : choice.flows) {
    (flow.table.empty() ? other : ruled) += inputs.workload.flows[flow.flow].rate;
  }
  if (ruled == 0) return choice.rx_queues;
  const ir::Node* rss = rss_node(inputs.nic);
  const bool steerable = rss != nullptr && rss->config.rss->table_settable;
  if (!steerable) return choice.rx_queues;  // RSS reaches every queue
  const double share = other / (ruled + other) * choice.rx_queues;
  const unsigned open = static_cast<unsigned>(share + 0.5);
  return std::clamp(open, 1u, choice.rx_queues - 1);
}

// Longest processing time first: the next heaviest flow goes to the least loaded queue.
void balance(const Inputs& inputs, Choice& out) {
  std::vector<double> load(out.rx_queues, 0.0);
  const bool some_closed = out.open_queues < out.rx_queues;
  for (auto& flow : out.flows) {
    if (flow.table.empty()) continue;
    const unsigned first = some_closed ? out.open_queues : 0;
    const auto least = std::min_element(load.begin() + first, load.end());
    *least += inputs.workload.flows[flow.flow].rate;
    flow.queue = static_cast<unsigned>(least - load.begin());
  }
}

}  // namespace

diag::Result<Choice> choose(const Inputs& inputs, const Options& options) {
  Choice out;
  choose_knobs(inputs, out);
  out.rx_queues = choose_queues(inputs, options);
  out.cores = options.cores != 0 ? options.cores : inputs.workload.cores;
  out.cores = std::clamp(out.cores, 1u, out.rx_queues);
  choose_filters(inputs, out);
  out.open_queues = choose_open_queues(inputs, out);
  balance(inputs, out);
  return out;
}

std::string to_string(const Choice& choice) {
  std::string out = fmt::format("queues {} (open {}), cores {}\n", choice.rx_queues,
                                choice.open_queues, choice.cores);
  for (const auto& [knob, on] : choice.knobs)
    out += fmt::format("{} {}\n", knob, on ? "on" : "off");
  for (const auto& f : choice.flows) {
    out += fmt::format("flow {} -> {}\n", f.flow,
                       f.table.empty() ? "RSS" : fmt::format("queue {} by {}", f.queue, f.table));
  }
  return out;
}

}  // namespace weft::passes
