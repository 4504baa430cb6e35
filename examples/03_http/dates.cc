#include "dates.h"

#include <chrono>
#include <cstdio>
#include <string_view>

namespace http {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::string_view days = "SunMonTueWedThuFriSat";
constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";

std::optional<int> digits(std::string_view text) {
  int n = 0;
  bool any = false;
  for (const char c : text) {
    if (c == ' ' && !any) continue;  // asctime: " 6"
    if (c < '0' || c > '9') return {};
    n = n * 10 + (c - '0');
    any = true;
  }
  if (!any) return {};
  return n;
}

std::optional<std::int64_t> seconds_of(std::string_view d, std::string_view m, int y,
                                       std::string_view clock) {
  const auto at = m.size() == 3 ? months.find(m) : std::string_view::npos;
  const auto the_day = digits(d);
  if (at == std::string_view::npos || at % 3 != 0 || !the_day || clock.size() != 8 ||
      clock[2] != ':' || clock[5] != ':')
    return {};
  const auto hours = digits(clock.substr(0, 2)), minutes = digits(clock.substr(3, 2)),
             seconds = digits(clock.substr(6, 2));
  const year_month_day date(year(y), month(static_cast<unsigned>(at / 3 + 1)),
                            day(static_cast<unsigned>(*the_day)));
  if (!date.ok() || !hours || !minutes || !seconds || *hours > 23 || *minutes > 59 || *seconds > 60)
    return {};
  return std::int64_t{sys_days(date).time_since_epoch().count()} * 86400 + *hours * 3600 +
         *minutes * 60 + *seconds;
}

}  // namespace

std::string to_date(std::int64_t seconds) {
  const sys_days date{std::chrono::days(seconds / 86400)};
  const year_month_day parts(date);
  const auto rest = static_cast<int>(seconds % 86400);
  const unsigned weekday = std::chrono::weekday(date).c_encoding();
  const unsigned the_month = static_cast<unsigned>(parts.month()) - 1;
  char text[64];
  std::snprintf(text, sizeof(text), "%.3s, %02u %.3s %04d %02d:%02d:%02d GMT",
                days.data() + weekday * 3, static_cast<unsigned>(parts.day()),
                months.data() + the_month * 3, static_cast<int>(parts.year()), rest / 3600,
                rest / 60 % 60, rest % 60);
  return text;
}

std::optional<std::int64_t> from_date(std::string_view text, std::int64_t now) {
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (text.size() == 29 && text.substr(3, 2) == ", " && text.substr(25) == " GMT") {
    const auto y = digits(text.substr(12, 4));
    return y ? seconds_of(text.substr(5, 2), text.substr(8, 3), *y, text.substr(17, 8))
             : std::nullopt;
  }
  // Sun Nov  6 08:49:37 1994
  if (text.size() == 24 && text[3] == ' ') {
    const auto y = digits(text.substr(20, 4));
    return y ? seconds_of(text.substr(8, 2), text.substr(4, 3), *y, text.substr(11, 8))
             : std::nullopt;
  }
  // Sunday, 06-Nov-94 08:49:37 GMT: the year is of the last 50 (RFC 9110 section 5.6.7)
  const std::size_t comma = text.find(", ");
  if (comma == std::string_view::npos || text.size() != comma + 24) return {};
  text.remove_prefix(comma + 2);
  const auto two = digits(text.substr(7, 2));
  if (!two || text[2] != '-' || text[6] != '-' || text.substr(18) != " GMT") return {};
  const int this_year =
      static_cast<int>(year_month_day(sys_days(std::chrono::days(now / 86400))).year());
  int y = this_year - this_year % 100 + *two;
  if (y > this_year + 50) y -= 100;
  return seconds_of(text.substr(0, 2), text.substr(3, 3), y, text.substr(10, 8));
}

}  // namespace http
