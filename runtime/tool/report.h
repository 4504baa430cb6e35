// How weft-runtime speaks: data on stdout, talk on stderr, colour only on a terminal.
#pragma once

#include <string>

#include "compiler/diag/diagnostic.h"

namespace weft::tool {

void say(const std::string& sentence);  // stderr, one line
void be_quiet();                        // from now on say() says nothing; errors are reported
// Prints the diagnostics and gives the exit code that the first of them asks for.
int report(const diag::Error& error);

}  // namespace weft::tool
