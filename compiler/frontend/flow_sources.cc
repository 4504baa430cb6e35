#include "compiler/frontend/flow_sources.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "compiler/frontend/address.h"
#include "compiler/frontend/host_reader.h"

namespace weft::frontend {
namespace {

using Ipv6 = std::array<std::uint8_t, 16>;

std::optional<Ipv6> parse_ipv6(std::string_view text) {
  Ipv6 out;
  if (inet_pton(AF_INET6, std::string(text).c_str(), out.data()) != 1) return std::nullopt;
  return out;
}

// First and last address of what is written.
std::optional<std::pair<Ipv6, Ipv6>> ipv6_range(std::string_view text) {
  const std::size_t cut = text.find_first_of("/-");
  const auto first = parse_ipv6(text.substr(0, cut));
  if (!first) return std::nullopt;
  if (cut == std::string_view::npos) return std::pair(*first, *first);
  const std::string_view rest = text.substr(cut + 1);
  if (text[cut] == '-') {
    const auto last = parse_ipv6(rest);
    return last && *first <= *last ? std::optional(std::pair(*first, *last)) : std::nullopt;
  }
  const auto length = parse_decimal(rest, 128);
  if (!length) return std::nullopt;
  Ipv6 last = *first;
  for (std::size_t bit = *length; bit < 128; ++bit) {
    const auto one = static_cast<std::uint8_t>(0x80u >> bit % 8);
    if (((*first)[bit / 8] & one) != 0) return std::nullopt;  // no zeros behind the prefix
    last[bit / 8] |= one;
  }
  return std::pair(*first, last);
}

}  // namespace

std::optional<Prefix> parse_prefix(std::string_view text, std::string& why) {
  const std::size_t slash = text.find('/');
  const auto address = parse_ipv4(text.substr(0, slash));
  const auto length = slash == std::string_view::npos ? std::optional(32u)
                                                      : parse_prefix_length(text.substr(slash + 1));
  if (!address || !length) {
    why = "like 10.7.1.0/24";
    return std::nullopt;
  }
  if ((*address & ~prefix_mask(*length)) != 0) {
    why = fmt::format("{}/{} is the prefix with this address",
                      format_ipv4(*address & prefix_mask(*length)), *length);
    return std::nullopt;
  }
  return Prefix{*address, *length};
}

std::string fault_of_source(const Prefix& prefix) {
  if (prefix.length == 0) return "everybody, for whom an endpoint has `rate:`";
  const std::uint32_t last = prefix.address | ~prefix_mask(prefix.length);
  const std::string why = not_a_host(prefix.address);
  return !why.empty() && why == not_a_host(last) ? why : "";
}

bool is_ipv6_source(std::string_view text) { return ipv6_range(text).has_value(); }

// RFC 4291 sections 2.5.2, 2.5.3, 2.5.5 and 2.7.
std::string fault_of_ipv6_source(std::string_view text) {
  const auto range = ipv6_range(text);
  if (!range) return "no IPv6 address";
  const auto& [first, last] = *range;
  constexpr Ipv6 none{}, loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  constexpr Ipv6 mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (last == none) return "the unspecified address";
  if (last == loopback) return "the loopback address";
  if (first[0] == 0xff) return "a group address";
  if (std::equal(first.begin(), first.begin() + 12, mapped.begin()) &&
      std::equal(last.begin(), last.begin() + 12, mapped.begin()))
    return "an IPv4 address in IPv6's form";
  return "";
}

}  // namespace weft::frontend
