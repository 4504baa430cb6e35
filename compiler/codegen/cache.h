// Where built objects are kept: a folder that only its user can write, because what lies in it is
// loaded as code.
#pragma once

#include <string>

#include "compiler/diag/diagnostic.h"

namespace weft::codegen {

// $WEFT_CACHE, else $XDG_CACHE_HOME/weft, else ~/.cache/weft. Made with mode 0700 where it is
// missing. Errors E0511: no home, can't be made, not ours, or others may write it.
diag::Result<std::string> cache_folder();

// The folder as it is: ours, and writable by nobody else.
diag::Result<void> check_private(const std::string& folder);

// Atomic: a temporary file in the same folder, then rename. E0512 with the system's words.
diag::Result<void> write_whole(const std::string& path, const std::string& text);
diag::Result<std::string> read_whole(const std::string& path);

}  // namespace weft::codegen
