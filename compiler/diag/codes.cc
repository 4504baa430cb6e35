#include "compiler/diag/codes.h"

#include <algorithm>
#include <vector>

#include "compiler/diag/code_tables.h"

namespace weft::diag {

std::span<const CodeText> all_codes() {
  static const std::vector<CodeText> sorted = [] {
    std::vector<CodeText> all;
    for (const auto table : {input_codes(), meaning_codes(), later_codes()}) {
      all.insert(all.end(), table.begin(), table.end());
    }
    std::sort(all.begin(), all.end(),
              [](const CodeText& a, const CodeText& b) { return a.code < b.code; });
    return all;
  }();
  return sorted;
}

const CodeText* find_code(std::string_view code) {
  const auto all = all_codes();
  const auto found =
      std::lower_bound(all.begin(), all.end(), code,
                       [](const CodeText& a, std::string_view b) { return a.code < b; });
  return found != all.end() && found->code == code ? &*found : nullptr;
}

}  // namespace weft::diag
