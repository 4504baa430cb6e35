// Other programs: replaced by (weft-runtime), or fed (graphviz).
#pragma once

#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::tool {

// Becomes `program`; comes back only with an error (E0463).
diag::Error become(const std::string& program, const std::vector<std::string>& arguments);

// Runs `program` from PATH with `input` on its stdin; gives its stdout. E0462 when it is not there
// or fails. `package` is what to install.
diag::Result<std::string> filter(const std::string& program,
                                 const std::vector<std::string>& arguments,
                                 const std::string& input, const std::string& package);

}  // namespace weft::tool
