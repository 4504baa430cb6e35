// Every error code, with the text that `weft explain E0104` prints. Codes are never reused.
//
//   E01xx  files and YAML            E04xx  plans: reading, hashes, diff
//   E02xx  expressions, headers,     E05xx  generating and building
//          graphs, cards, workloads  E06xx  the machine, ports, running
//   E03xx  verifying, choosing, proving
#pragma once

#include <span>
#include <string_view>

namespace weft::diag {

struct CodeText {
  std::string_view code;   // "E0104"
  std::string_view title;  // one line
  std::string_view text;   // what it means, why it is an error, what to do; several lines
};

const CodeText* find_code(std::string_view code);
std::span<const CodeText> all_codes();  // sorted by code

}  // namespace weft::diag
