// How the tool speaks: data on stdout, talk on stderr, colour only on a terminal.
#pragma once

#include <string>
#include <string_view>

#include "compiler/diag/diagnostic.h"

namespace weft::tool {

// Exit codes, the same for every command.
enum Exit {
  ok = 0,
  input_error = 1,
  changes_pending = 2,  // diff --detailed-exitcode
  infeasible = 3,
  time_limit = 4,
  not_ready = 5,  // the machine
  usage = 64,
  our_bug = 70,
};

bool colour_on_stdout();  // a terminal, and NO_COLOR is not set
bool colour_on_stderr();

void print(std::string_view data);      // stdout
void say(const std::string& sentence);  // stderr, one line

// Prints the diagnostics and gives the exit code that the first of them asks for.
int report(const diag::Error& error);

// A diagnostic without a place in a file.
diag::Diagnostic plain(std::string code, std::string message, std::string help = "");

}  // namespace weft::tool
