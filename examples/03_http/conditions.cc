#include "conditions.h"

#include "dates.h"

namespace http {
namespace {

// `weak`: W/"x" counts as "x" (section 8.8.3.2).
bool names(std::string_view list, const std::string& etag, bool weak) {
  if (trimmed(list) == "*") return true;
  for (std::string_view one; next_element(list, one);) {
    if (weak && one.substr(0, 2) == "W/") one.remove_prefix(2);
    if (one == etag) return true;
  }
  return false;
}

}  // namespace

int check_conditions(const Request& r, const File& file, std::int64_t now) {
  if (!r.if_match.empty()) {
    if (!names(r.if_match, file.etag, false)) return 412;
  } else if (!r.if_unmodified_since.empty()) {
    const auto since = from_date(r.if_unmodified_since, now);
    if (since && file.modified > *since) return 412;
  }
  if (!r.if_none_match.empty()) return names(r.if_none_match, file.etag, true) ? 304 : 0;
  if (!r.if_modified_since.empty()) {
    const auto since = from_date(r.if_modified_since, now);
    if (since && file.modified <= *since) return 304;
  }
  return 0;
}

// A date is as good as a tag only if it is the very one, and older than a second: else the file may
// have changed within it.
bool range_applies(const Request& r, const File& file, std::int64_t now) {
  if (r.if_range.empty()) return true;
  if (r.if_range.front() == '"') return r.if_range == file.etag;
  const auto date = from_date(r.if_range, now);
  return date && *date == file.modified && file.modified + 1 < now;
}

}  // namespace http
