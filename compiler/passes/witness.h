// From a solver's model to a packet that can be sent.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "compiler/passes/pipeline.h"
#include "compiler/passes/symbolic.h"

namespace weft::passes {

struct Witness {
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::uint8_t> frame;
};

// After sat: the frame that the model describes. Headers follow each other as the model's ethertype
// and protocol say; checksums are right or wrong as the model's tests say. `popped`: the packet's
// way took off a tag, so that a tag's fields mean something even where the ethertype announces
// none.
Witness witness_of(Symbolic& symbolic, bool popped = false);
// The same in a counterexample.
void show_packet(Symbolic& symbolic, Counterexample& out, bool popped = false);

}  // namespace weft::passes
