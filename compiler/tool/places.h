// Where things are: names of the installation's graphs, models and workloads, or paths.
#pragma once

#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::tool {

enum class Kind { graph, nic, workload, costs };

// The installation: $WEFT_ROOT, or where this program was built from.
std::string root();
std::string headers_folder();

// `word` is a path if it has a `/`, ends in .yaml, or names a file; else the name of a file of the
// installation. E0456 with "did you mean" and the list when there is no such thing.
diag::Result<std::string> resolve(Kind kind, const std::string& word);

// Names (without .yaml) of the installation's files of one kind, sorted.
std::vector<std::string> names(Kind kind);
std::string path_of(Kind kind, const std::string& name);

// A program of weft that lies beside this one ("weft-runtime"); E0463 when it is not there.
diag::Result<std::string> beside(const std::string& program);

}  // namespace weft::tool
