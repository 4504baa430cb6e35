// Where the flows of a line come from: an address, a range, a prefix; one port, some, or any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/frontend/workload_values.h"

namespace weft::frontend {

// IPv4, host byte order. Shorter than 32 bits: a prefix, taken as a whole.
struct Prefix {
  std::uint32_t address = 0;
  unsigned length = 32;
};

// "10.7.1.0/24"; why it is none otherwise.
std::optional<Prefix> parse_prefix(std::string_view text, std::string& why);
// Why no packet comes from there; "": some may.
std::string fault_of_source(const Prefix& prefix);

// "2001:db8::1", "2001:db8::/32", "2001:db8::1-2001:db8::9"; false: it is not written so.
bool is_ipv6_source(std::string_view text);
// Why no packet comes from there; "": some may.
std::string fault_of_ipv6_source(std::string_view text);

}  // namespace weft::frontend
