#include "compiler/frontend/workload_values.h"

#include <fmt/format.h>

#include <charconv>

#include "compiler/frontend/address.h"

namespace weft::frontend {
namespace {

// "a" or "a-b", each read by `parse`. E0256 when reversed.
template <class Parse>
std::optional<Range> read_range(const Value& at, Parse parse, const char* what,
                                const char* example) {
  const std::size_t before = at.error_count();
  const std::string text = at.text();
  if (!at.present() || at.error_count() != before) return std::nullopt;
  const std::size_t dash = text.find('-');
  const auto first = parse(std::string_view(text).substr(0, dash));
  const auto last =
      dash == std::string::npos ? first : parse(std::string_view(text).substr(dash + 1));
  if (!first || !last) {
    at.error("E0107", fmt::format("`{}` is not {}", text, what), "", example);
    return std::nullopt;
  }
  const Range range{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*last)};
  if (range.first > range.last) {
    at.error("E0256", fmt::format("the range `{}` is reversed", text), "", "write low-high");
    return std::nullopt;
  }
  return range;
}

}  // namespace

std::optional<Range> read_ports(const Value& at) {
  return read_range(
      at,
      [](std::string_view text) -> std::optional<std::uint64_t> {
        const auto p = parse_decimal(text, 65535);
        return p && *p != 0 ? p : std::nullopt;
      },
      "a port", "a port from 1 to 65535, or a range: 40000-40039");
}

std::optional<Range> read_addresses(const Value& at) {
  return read_range(at, parse_ipv4, "an IPv4 address", "10.7.0.1, or a range: 10.7.0.1-10.7.0.9");
}

std::optional<ir::QueueRange> read_queues(const Value& at) {
  const auto range = read_range(
      at, [](std::string_view text) { return parse_decimal(text, most_queues - 1); }, "a queue",
      "a queue, or a range: 4-7");
  if (!range) return std::nullopt;
  return ir::QueueRange{range->first, range->last};
}

bool read_gold(const Value& at) { return at.word({"gold", "normal"}, "a class") == 0; }

double read_microseconds(const Value& at) {
  const std::size_t before = at.error_count();
  const std::string text = at.text();
  if (at.error_count() != before) return 0;
  double value = 0;
  const auto [rest, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(rest, text.data() + text.size());
  if (bad != std::errc() || !(value > 0) || value > 1e9 || (unit != "us" && unit != "ms")) {
    at.error("E0107", fmt::format("`{}` is no time", text), "", "like 50us or 2ms");
    return 0;
  }
  return unit == "ms" ? value * 1000 : value;
}

}  // namespace weft::frontend
