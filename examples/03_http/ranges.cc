#include "ranges.h"

#include <algorithm>

#include "request.h"

namespace http {
namespace {

constexpr std::size_t most_ranges = 16;

bool number(std::string_view text, std::uint64_t& n) {
  if (text.empty()) return false;
  n = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    const auto d = static_cast<unsigned>(c - '0');
    n = n > (~std::uint64_t{0} - d) / 10 ? ~std::uint64_t{0} : n * 10 + d;  // too large is large
  }
  return true;
}

}  // namespace

Ranges ranges_of(std::string_view field, std::uint64_t file_bytes, std::vector<Range>& out) {
  out.clear();
  const std::size_t equals = field.find('=');
  if (equals == std::string_view::npos || !same(trimmed(field.substr(0, equals)), "bytes"))
    return Ranges::ignored;
  std::string_view list = field.substr(equals + 1);
  std::size_t named = 0;
  std::uint64_t total = 0;
  for (std::string_view one; next_element(list, one);) {
    if (++named > most_ranges) return Ranges::ignored;
    const std::size_t dash = one.find('-');
    if (dash == std::string_view::npos) return Ranges::ignored;
    const std::string_view left = trimmed(one.substr(0, dash)),
                           right = trimmed(one.substr(dash + 1));
    std::uint64_t first = 0, last = ~std::uint64_t{0};
    if (left.empty()) {  // so many at the end
      std::uint64_t n = 0;
      if (!number(right, n)) return Ranges::ignored;
      if (n == 0 || file_bytes == 0) continue;
      first = file_bytes - std::min(n, file_bytes);
    } else if (!number(left, first) || (!right.empty() && !number(right, last)) || last < first) {
      return Ranges::ignored;
    }
    if (first >= file_bytes) continue;
    last = std::min(last, file_bytes - 1);
    out.push_back({first, last});
    total += out.back().bytes();
  }
  if (named == 0) return Ranges::ignored;
  if (out.empty()) return Ranges::unsatisfiable;
  // Several that are more than the file together overlap.
  return out.size() > 1 && total > file_bytes ? Ranges::ignored : Ranges::wanted;
}

}  // namespace http
