// Instructions executed by one function, counted by callgrind: a number that does not depend on
// what else the machine does.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace weft::bench {

// Runs this very program under `valgrind --tool=callgrind` with `arguments` and gives back the
// instructions executed inside the function `function` (extern "C"). Nullopt without valgrind, or
// when the child failed.
std::optional<double> count_instructions(const std::string& function,
                                         const std::vector<std::string>& arguments);

}  // namespace weft::bench
