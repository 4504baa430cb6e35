// Where weft's own files are: graphs, cards, headers, costs, and the sources that generated code
// includes.
#pragma once

#include <string>

namespace weft::frontend {

// The folder that holds graphs/, nicmodels/, stack-nodes/: WEFT_ROOT where that is set, else the
// one that weft was built from.
std::string source_root();

}  // namespace weft::frontend
