// Every error code, with the text that `weft explain E0104` prints. Codes are never reused.
//
//   E01xx  files and YAML                     E05xx  checking plans, generating, building
//   E02xx  expressions, headers, graphs,      E06xx  the machine, ports, running
//          cards, workloads                   E07xx  bugs of weft's own
//   E03xx  graphs against stack nodes
//   E04xx  proving graphs and plans, plan files, the command line
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
