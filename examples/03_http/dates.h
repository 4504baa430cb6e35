// Dates as HTTP writes them (RFC 9110 section 5.6.7), always in UTC; no locale, no system call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace http {

// "Sun, 06 Nov 1994 08:49:37 GMT". Seconds since 1970, not before.
std::string to_date(std::int64_t seconds);

// Also the two forms that have gone out of use; nothing: it is no date.
std::optional<std::int64_t> from_date(std::string_view text, std::int64_t now);

}  // namespace http
