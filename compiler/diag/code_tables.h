// The parts of the table in codes.h.
#pragma once

#include <span>

#include "compiler/diag/codes.h"

namespace weft::diag {

std::span<const CodeText> input_codes();    // E01xx: files and YAML
std::span<const CodeText> meaning_codes();  // E02xx: expressions, headers, graphs, cards, workloads
std::span<const CodeText> later_codes();    // E03xx and up

}  // namespace weft::diag
