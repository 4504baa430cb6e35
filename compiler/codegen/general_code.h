// The general function of a residue: every node that can be reached, as a labelled block, and a
// jump to the one where a packet enters.
#pragma once

#include <string>

#include "compiler/codegen/node_code.h"

namespace weft::codegen {

// `enum class At` and `go_on(core, p, at)`, entered at the vertices of `c.entered`.
diag::Result<std::string> write_general(ResidueContext& c);

}  // namespace weft::codegen
