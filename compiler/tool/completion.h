// Scripts with which a shell completes weft's command line.
#pragma once

#include <string>

#include "compiler/tool/command_tree.h"

namespace weft::tool {

// `shell`: bash, zsh or fish. `weft`: the whole tree.
std::string completion_script(const std::string& shell, const Command& weft);

}  // namespace weft::tool
