// Part of the pass "choose": what packets to an endpoint cost the core that runs the stack, before
// it is known which residue they meet.
#pragma once

#include <map>
#include <string>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

// What a packet costs in the stack, about: the whole protocol graph, with the card's checksums.
struct PacketCost {
  double cycles = 0;
  double byte = 0;  // for each byte of payload beyond 64
  double ring = 0;  // to or from another core
  double copy = 0;  // for each byte of payload, into memory of another process
};
PacketCost packet_cost(const Inputs& inputs, const std::map<std::string, bool>& knobs);

// To copy one of its packets, cycles.
double copy_cycles(const ir::Endpoint& endpoint, const PacketCost& cost);

// Cycles per second for `rate` packets per second to the endpoint.
double weight_of(const ir::Endpoint& endpoint, double rate, const PacketCost& cost);
// The part of it for what a request takes beside a small packet's way through the stack, cycles.
double extra_of(const ir::Endpoint& endpoint, const PacketCost& cost);

}  // namespace weft::passes
