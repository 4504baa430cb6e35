#include "compiler/passes/packet_cost.h"

#include <algorithm>

#include "compiler/passes/cycles.h"
#include "compiler/passes/knobs.h"
#include "compiler/passes/placement.h"
#include "compiler/passes/zones.h"

namespace weft::passes {

PacketCost packet_cost(const Inputs& inputs, const std::map<std::string, bool>& knobs) {
  PacketCost out{cycles_of(inputs.graph, inputs.costs), 2 * inputs.costs.of("byte"),
                 inputs.costs.of("handover"), inputs.costs.of("byte")};
  for (const ir::Graph* graph : {&inputs.nic.receive, &inputs.nic.transmit}) {
    for (auto [v, end] = vertices(graph->g); v != end; ++v) {
      const ir::Config& c = graph->node(*v).config;
      const bool sums = (c.report && c.report->about("udp.checksum_ok") != nullptr) ||
                        (c.performs && c.performs->effect == "udp.checksum_fill");
      if (sums && is_on(knobs, c.knob)) out.byte -= inputs.costs.of("byte");
    }
  }
  out.byte = std::max(out.byte, 0.0);
  return out;
}

double copy_cycles(const ir::Endpoint& endpoint, const PacketCost& cost) {
  constexpr unsigned least = 64;  // what is copied of the smallest
  return cost.copy * std::max(endpoint.size, least);
}

double extra_of(const ir::Endpoint& endpoint, const PacketCost& cost) {
  return app_cycles(endpoint, how_of(endpoint), cost.ring) +
         (endpoint.copied ? copy_cycles(endpoint, cost) : 0) +
         cost.byte * (endpoint.size > 64 ? endpoint.size - 64 : 0);
}

double weight_of(const ir::Endpoint& endpoint, double rate, const PacketCost& cost) {
  return rate * (cost.cycles + extra_of(endpoint, cost));
}

}  // namespace weft::passes
