// Which bytes of a file are asked for (RFC 9110 section 14).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace http {

struct Range {
  std::uint64_t first;
  std::uint64_t last;  // included
  std::uint64_t bytes() const { return last - first + 1; }
  bool operator==(const Range&) const = default;
};

enum class Ranges { ignored, wanted, unsatisfiable };

// `field` is the value of Range. `ignored`: not of bytes, malformed, or more than is reasonable
// (section 14.2: many small or overlapping ranges are an attack); then the whole file is sent.
Ranges ranges_of(std::string_view field, std::uint64_t file_bytes, std::vector<Range>& out);

}  // namespace http
