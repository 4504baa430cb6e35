// Addresses as text. IPv4 in host byte order, Ethernet as a 48-bit number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::frontend {

std::optional<std::uint32_t> parse_ipv4(std::string_view text);      // "10.0.0.1"; no leading zeros
std::optional<std::uint64_t> parse_mac(std::string_view text);       // "02:00:00:00:00:01"
std::optional<unsigned> parse_prefix_length(std::string_view text);  // "0" to "32"
std::optional<unsigned> netmask_length(std::uint32_t mask);          // nullopt: not contiguous
std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t max);

constexpr std::uint32_t prefix_mask(unsigned length) {
  return length == 0 ? 0 : ~std::uint32_t{0} << (32 - length);
}

std::string format_ipv4(std::uint32_t address);
std::string format_mac(std::uint64_t mac);

}  // namespace weft::frontend
