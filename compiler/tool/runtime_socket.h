// Asks a running stack over its unix socket (runtime/observe/README.md).
#pragma once

#include <string>

#include "compiler/diag/diagnostic.h"

namespace weft::tool {

// `name`: of a running stack (its plan's file name without the ending), the path of a socket, or
// "" for the only stack that runs. Gives the document that answers `question`.
// E0465: no such stack runs, or several do and none was named. E0466: it did not answer.
diag::Result<std::string> ask(const std::string& name, const std::string& question);

}  // namespace weft::tool
