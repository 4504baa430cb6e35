// Where flows come from, in the words of `weft flow`: "10.7.0.1:40000"; of connections also
// "10.7.0.1" (any port), "10.7.0.1:40000-40031", "10.7.1.0/24", "10.7.1.0/24:40000".
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/frontend/flow_sources.h"
#include "compiler/ir/flow_set.h"

namespace weft::tool {

inline constexpr const char* source_help =
    "like 10.7.0.1:40000; connections also from 10.7.0.1, 10.7.1.0/24, 10.7.0.1:40000-40031";

struct Source {
  frontend::Prefix src;
  frontend::Range ports;  // from 0 on: any
  bool any_port() const { return ports.first == 0; }
  bool one() const { return src.length == 32 && !any_port() && ports.first == ports.last; }
};

std::optional<Source> source(const std::string& text);
// One for each block of its ports.
std::vector<ir::FlowSet> sets_from(const Source& source);

// "A:P"
bool parse_socket(const std::string& text, std::uint32_t& host, std::uint16_t& port);

template <class T>
bool number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace weft::tool
