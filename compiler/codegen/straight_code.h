// The straight way from an entry: one loop over the batch, and in it the nodes along the hot ports,
// one behind the other. The packet is a local variable whose address goes nowhere, so the compiler
// keeps it in registers and knows what each node left in it. Whoever takes another port goes on in
// the general function.
#pragma once

#include <string>
#include <vector>

#include "compiler/codegen/node_code.h"

namespace weft::codegen {

struct StraightSpec {
  std::string name;       // of the function
  std::string arguments;  // what it takes beside `core` and `n`: "Frame* const* frames"
  std::string source;     // of the packet with number i: "*frames[i]"
  std::string make;       // makes a packet of it: "received"
  // Of those for which `is` holds, `make` makes a packet of which more is known. All others go on
  // in the general function from the start. Null: there is no such distinction.
  struct Plain {
    const char* is = nullptr;
    const char* make = nullptr;
  };
  Plain plain;
  // Names that `again` (support.h) reads from the source anew, if no node on the way writes them.
  std::vector<std::string> kept;
  ir::Vertex start;
  // Cut in front of tables that may miss the cache: the batch is run up to there, prefetching, and
  // then on from there.
  bool cut = false;
};

struct StraightCode {
  std::string text;  // of a template: <held>
  // `held`: these hold for the whole batch, and are not asked of each packet. Conditions about the
  // host, in C++.
  std::vector<std::string> of_batch;
};

diag::Result<StraightCode> write_straight(ResidueContext& c, const StraightSpec& spec);

// The nodes of the straight way from `start` in front of which it may be cut.
std::vector<ir::Vertex> cuts(const ResidueContext& c, ir::Vertex start);

}  // namespace weft::codegen
