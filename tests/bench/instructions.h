// Instructions executed by one function, counted by callgrind: a number that does not depend on
// what else the machine does.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace weft::bench {

// Runs a command under `valgrind --tool=callgrind` and gives back the instructions executed inside
// the first of `functions` (as callgrind calls them), but not inside the others where that one
// calls them. Nullopt without valgrind, or when the child failed.
std::optional<double> count_instructions(const std::vector<std::string>& functions,
                                         const std::vector<std::string>& command);
// Of this very program, for its own functions (extern "C").
std::string this_program();

}  // namespace weft::bench
