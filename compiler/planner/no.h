// What is asked for cannot be: E0676, with the next step.
#pragma once

#include <string>
#include <utility>

#include "compiler/diag/diagnostic.h"

namespace weft::planner {

inline tl::unexpected<diag::Error> no(std::string why, std::string help = "") {
  return diag::fail(
      diag::Diagnostic{.code = "E0676", .message = std::move(why), .help = std::move(help)});
}

}  // namespace weft::planner
