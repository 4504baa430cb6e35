#include "compiler/passes/knobs.h"

#include <algorithm>

namespace weft::passes {

namespace {

bool has_switch(const ir::NicModel& nic, std::string_view name) {
  auto [v, end] = vertices(nic.receive.g);
  return std::any_of(v, end,
                     [&](ir::Vertex u) { return nic.receive.node(u).config.toggle == name; });
}

// What no packet of the graph needs is left off.
bool has_effect(const ir::Graph& graph, const std::string& impl) {
  auto [v, end] = vertices(graph.g);
  return std::any_of(v, end, [&](ir::Vertex u) { return graph.node(u).impl == impl; });
}

// A packet has one of the sums that a word is about: the dearest one is what may be saved. A card
// that hands sums over unfinished must not be asked to where others' datagrams are passed on, as
// they would leave that way.
double saved_by(const ir::Report& report, const Inputs& inputs) {
  if (report.none_is_good && inputs.workload.host.forwarding) return 0;
  double most = 0;
  for (const ir::Claim& claim : report.claims) {
    if (!ir::is_false(claim.evidence))
      most = std::max(most, inputs.costs.of(claim.fact) - inputs.costs.of("read"));
  }
  return most;
}

// Which groups are wanted changes while the stack runs: the card lets in all or none, and where it
// can't tell groups from others, everything.
bool lets_in_groups(const Inputs& inputs, std::string_view toggle) {
  if (!inputs.workload.host.multicast) return false;
  return toggle == "allmulticast" || !has_switch(inputs.nic, "allmulticast");
}

}  // namespace

// A switch is worth its while when the card, and not the driver on the polling core, does the work.
std::map<std::string, bool> choose_knobs(const Inputs& inputs) {
  std::map<std::string, bool> out;
  for (const ir::Graph* graph : {&inputs.nic.receive, &inputs.nic.transmit}) {
    for (auto [v, end] = vertices(graph->g); v != end; ++v) {
      const ir::Config& config = graph->node(*v).config;
      if (config.knob.empty()) continue;
      double saved = 0;
      if (config.report) saved = saved_by(*config.report, inputs);
      if (config.performs && has_effect(inputs.graph, config.performs->effect)) {
        saved =
            inputs.costs.of(config.performs->effect) - inputs.costs.of(config.performs->request);
      }
      out[config.knob] = !config.in_software && saved > 0;
      if (!config.toggle.empty()) out[config.knob] = lets_in_groups(inputs, config.toggle);
    }
  }
  return out;
}

bool is_on(const std::map<std::string, bool>& knobs, const std::string& knob) {
  const auto it = knobs.find(knob);
  return it != knobs.end() && it->second;
}

}  // namespace weft::passes
