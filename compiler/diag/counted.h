// "1 queue", "4 queues", as messages say it.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>

namespace weft::diag {

// `what` takes an s where there is not one of it.
inline std::string counted(std::size_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace weft::diag
