#include "compiler/frontend/address.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>

namespace weft::frontend {

std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t max) {
  std::uint64_t value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  return value;
}

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const std::size_t dot = part < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    const auto byte = parse_decimal(text.substr(0, dot), 255);
    if (!byte) return std::nullopt;
    address = address << 8 | static_cast<std::uint32_t>(*byte);
    text.remove_prefix(part < 3 ? dot + 1 : dot);
  }
  return address;
}

std::optional<std::uint64_t> parse_mac(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  std::uint64_t mac = 0;
  for (std::size_t at = 0; at < 17; at += 3) {
    unsigned byte = 0;
    const char* end = text.data() + at + 2;
    const auto [stop, bad] = std::from_chars(text.data() + at, end, byte, 16);
    if (bad != std::errc{} || stop != end) return std::nullopt;
    if (at < 15 && text[at + 2] != ':') return std::nullopt;
    mac = mac << 8 | byte;
  }
  return mac;
}

std::optional<unsigned> parse_prefix_length(std::string_view text) {
  const auto length = parse_decimal(text, 32);
  if (!length) return std::nullopt;
  return static_cast<unsigned>(*length);
}

std::optional<unsigned> netmask_length(std::uint32_t mask) {
  const auto length = static_cast<unsigned>(std::countl_one(mask));
  if (mask != prefix_mask(length)) return std::nullopt;
  return length;
}

std::string format_ipv4(std::uint32_t a) {
  return fmt::format("{}.{}.{}.{}", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

std::string format_mac(std::uint64_t mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac >> 40 & 255, mac >> 32 & 255,
                     mac >> 24 & 255, mac >> 16 & 255, mac >> 8 & 255, mac & 255);
}

}  // namespace weft::frontend
