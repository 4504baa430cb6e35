// Reads graphs/headers/*.yaml; see readers.h for the whole folder.
#pragma once

#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"

namespace weft::frontend {

diag::Result<ir::FieldTable> read_header_files(const std::vector<std::string>& paths);

}  // namespace weft::frontend
