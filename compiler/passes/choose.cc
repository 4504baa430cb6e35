#include "compiler/passes/choose.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/passes/by_weight.h"
#include "compiler/passes/chooser.h"
#include "compiler/passes/judge.h"
#include "compiler/passes/knobs.h"
#include "compiler/passes/placement.h"
#include "compiler/passes/share_advice.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

using diag::Result;

namespace {

unsigned wanted_queues(const Inputs& inputs, const Options& options) {
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

}  // namespace

Chooser::Chooser(const Inputs& inputs, const Options& options, const Settled* settled,
                 bool in_groups)
    : inputs_(inputs),
      options_(options),
      workload_(inputs.workload),
      rss_(rss_node(inputs.nic)),
      classes_(classes_of(inputs, packet_cost(inputs, choose_knobs(inputs)),
                          {.of_types = in_groups, .in_groups = in_groups})),
      settled_(settled) {
  const auto any = [&](auto&& like) {
    return std::any_of(classes_.all.begin(), classes_.all.end(), like);
  };
  kinds_ = {.of_types = any([](const FlowClass& c) { return c.whole; }),
            .in_groups = any([](const FlowClass& c) { return c.grouped; }),
            .in_parts = any([](const FlowClass& c) { return c.parts != 1; })};
  out_.knobs = choose_knobs(inputs);
  out_.rx_queues = wanted_queues(inputs, options);
  out_.cores = options.cores != 0 ? options.cores : workload_.cores;
  out_.cores = std::clamp(out_.cores, 1u, out_.rx_queues);
  out_.chosen.policy = to_string(workload_.policy);
  out_.chosen.placement = placements(inputs);
}

Result<Choice> Chooser::run(bool judge) {
  if (auto wrong = filters()) return diag::fail(std::move(*wrong));
  give_tables();
  weigh();
  if (auto wrong = zones()) return diag::fail(std::move(*wrong));
  if (!give_groups()) return Chooser(inputs_, options_, settled_, false).run(judge);
  open_queues();
  if (auto ok = hash(); !ok) return diag::fail(ok.error());
  if (auto wrong = wishes_by_hash()) return diag::fail(std::move(*wrong));
  spread();
  finish();
  if (judge && !problem_.tables.empty() && certify(problem_, plan_))
    out_.chosen.certified.push_back("filters");
  return std::move(out_);
}

void Chooser::finish() {
  out_.flows.reserve(workload_.flows.size());
  for (const unsigned f : heaviest_first(classes_.weight)) {
    const unsigned t = table_of_[f];
    const FlowClass& c = classes_.all[class_of_[f]];
    out_.flows.push_back({f, t == none ? std::string() : problem_.tables[t].name(), queue_of_[f],
                          c.pin.has_value() || c.exception});
  }
  for (std::size_t s = 0; s < out_.sockets.size(); ++s)
    if (out_.sockets[s].group.empty()) out_.sockets[s].queue = socket_queue_[s];
  out_.groups.resize(out_.rx_queues);
  for (unsigned z = 0; z < classes_.zones.size(); ++z) {
    const Zone& zone = classes_.zones[z];
    for (const unsigned q : queues_[z]) out_.groups[q] = zone.group;
    out_.chosen.zones.push_back({zone.name, queues_[z], zone.gold});
    out_.zone_core.push_back(zone.core);
  }
}

std::vector<unsigned> Choice::classify() const {
  std::vector<unsigned> out = open;
  for (const SocketChoice& s : sockets) {
    out.push_back(s.queue);
    out.insert(out.end(), s.group.begin(), s.group.end());
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<unsigned> Choice::closed() const {
  std::vector<bool> fed(rx_queues, false);
  for (const FlowChoice& f : flows) {
    if (!f.table.empty()) fed[f.queue] = true;
  }
  for (const unsigned q : classify()) fed[q] = false;
  std::vector<unsigned> out;
  for (unsigned q = 0; q < rx_queues; ++q) {
    if (fed[q]) out.push_back(q);
  }
  return out;
}

std::vector<std::string> Choice::feeding() const {
  const std::vector<unsigned> queues = closed();
  std::vector<std::string> out;
  for (const FlowChoice& f : flows) {
    if (!f.table.empty() && std::binary_search(queues.begin(), queues.end(), f.queue) &&
        std::find(out.begin(), out.end(), f.table) == out.end())
      out.push_back(f.table);
  }
  return out;
}

Result<Choice> choose(const Inputs& inputs, const Options& options, const Settled* settled) {
  auto found = Chooser(inputs, options, settled).run(options.certify);
  if (!found && settled == nullptr) {
    const auto chosen = [&](const Inputs& in) {
      return Chooser(in, options, nullptr).run(false).has_value();
    };
    advise_sharing(inputs, chosen, found.error().list.front());
  }
  return found;
}

std::string to_string(const Choice& choice) {
  std::string out = fmt::format("queues {} (open {}), cores {}\n", choice.rx_queues,
                                fmt::join(choice.open, " "), choice.cores);
  for (const auto& [knob, on] : choice.knobs)
    out += fmt::format("{} {}\n", knob, on ? "on" : "off");
  for (const auto& z : choice.chosen.zones)
    out += fmt::format("zone {}: queues {}\n", z.name, fmt::join(z.queues, " "));
  for (const auto& s : choice.sockets)
    out += fmt::format(
        "{}port {} -> queue {} by {}\n", s.set ? fmt::format("set {} to ", *s.set) : "",
        s.port_mask == 0xffff ? std::to_string(s.port)
                              : fmt::format("{}-{}", s.port, s.port | (0xffff ^ s.port_mask)),
        s.group.empty() ? std::to_string(s.queue) : fmt::format("{}", fmt::join(s.group, "|")),
        s.table);
  for (const auto& f : choice.flows) {
    out += fmt::format("flow {} -> {}\n", f.flow,
                       f.table.empty() ? "RSS" : fmt::format("queue {} by {}", f.queue, f.table));
  }
  return out;
}

}  // namespace weft::passes
