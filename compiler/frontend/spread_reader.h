// The `spread:` section of a workload.
#pragma once

#include "compiler/frontend/yaml_reader.h"
#include "compiler/ir/spread.h"

namespace weft::frontend {

// Reads {symmetric, by, port, together, keys, key, seed}. E0280.
ir::Spread read_spread(const Value& at);

}  // namespace weft::frontend
