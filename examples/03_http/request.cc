#include "request.h"

#include <algorithm>
#include <array>

#include "target.h"

namespace http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// RFC 9110 section 5.6.2.
bool token(std::string_view text) {
  const auto good = [](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), good);
}

// RFC 9110 section 5.5: no control characters in a value, but for tabs.
bool value_ok(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return (c < 32 && c != '\t') || c == 127; });
}

bool number(std::string_view text, std::uint64_t& n) {
  if (text.empty() || text.size() > 18) return false;
  n = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    n = n * 10 + static_cast<unsigned>(c - '0');
  }
  return true;
}

// A line without its end, taken off. A line feed alone ends one, too (RFC 9112 section 2.2).
std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

Method method_of(std::string_view name) {
  if (name == "GET") return Method::get;
  if (name == "HEAD") return Method::head;
  if (name == "OPTIONS") return Method::options;
  for (const char* known : {"POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"})
    if (name == known) return Method::other_known;
  return Method::unknown;
}

int parse_line(std::string_view line, Request& r) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return 400;
  const std::string_view name = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  if (!token(name)) return 400;
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || version[6] != '.' ||
      version[5] < '0' || version[5] > '9' || version[7] < '0' || version[7] > '9')
    return 400;
  if (version[5] != '1') return 505;
  r.http_1_1 = r.keep_alive = version[7] >= '1';
  r.method = method_of(name);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (r.method == Method::unknown) return 501;
  if (target == "*") {
    r.path = target;
    return r.method == Method::options ? 0 : 400;
  }
  if (r.method == Method::other_known) {  // whatever it is, it is not allowed
    r.path = "/";
    return value_ok(target) ? 0 : 400;
  }
  return path_of(target, r.path) ? 0 : 400;
}

struct Seen {
  unsigned hosts = 0;
  bool length = false, coding = false, close = false, alive = false;
};

int take_field(std::string_view name, std::string_view value, Request& r, Seen& seen) {
  if (same(name, "host")) {
    if (++seen.hosts > 1) return 400;
  } else if (same(name, "connection")) {
    for (std::string_view option; next_element(value, option);) {
      seen.close |= same(option, "close");
      seen.alive |= same(option, "keep-alive");
    }
  } else if (same(name, "content-length")) {
    std::uint64_t n = 0;
    if (!number(value, n) || (seen.length && n != r.body_bytes)) return 400;
    seen.length = true;
    r.body_bytes = n;
  } else if (same(name, "transfer-encoding")) {
    if (seen.coding) return 400;
    seen.coding = true;
    if (!same(value, "chunked")) return 501;
    r.chunked = true;
  } else if (same(name, "expect")) {
    if (!same(value, "100-continue")) return 417;
    r.expects_continue = true;
  } else {
    const std::array<std::pair<const char*, std::string_view*>, 6> kept = {
        {{"range", &r.range},
         {"if-range", &r.if_range},
         {"if-match", &r.if_match},
         {"if-none-match", &r.if_none_match},
         {"if-modified-since", &r.if_modified_since},
         {"if-unmodified-since", &r.if_unmodified_since}}};
    for (const auto& [known, where] : kept)
      if (same(name, known)) *where = value;
  }
  return 0;
}

}  // namespace

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool next_element(std::string_view& list, std::string_view& element) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    element = trimmed(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    if (!element.empty()) return true;
  }
  return false;
}

// Empty lines in front of a request are skipped (RFC 9112 section 2.2); they count as its head.
std::size_t end_of_head(std::string_view text, std::size_t seen) {
  std::size_t begin = 0;
  while (begin < text.size() && (text[begin] == '\r' || text[begin] == '\n')) ++begin;
  std::size_t at = std::max(begin, seen < 3 ? 0 : seen - 3);
  while ((at = text.find('\n', at)) != std::string_view::npos) {
    ++at;
    if (at < text.size() && text[at] == '\n') return at + 1;
    if (at + 1 < text.size() && text[at] == '\r' && text[at + 1] == '\n') return at + 2;
  }
  return 0;
}

int parse_head(std::string_view head, Request& request) {
  while (!head.empty() && (head.front() == '\r' || head.front() == '\n')) head.remove_prefix(1);
  const std::string_view line = next_line(head);
  if (line.size() > longest_line) return 414;
  if (const int status = parse_line(line, request); status != 0) return status;
  Seen seen;
  while (!head.empty()) {
    const std::string_view field = next_line(head);
    if (field.empty()) break;
    // A name ends at its colon (no blank before it), and no line goes on (RFC 9112 section 5).
    const std::size_t colon = field.find(':');
    if (colon == std::string_view::npos) return 400;
    const std::string_view name = field.substr(0, colon);
    const std::string_view value = trimmed(field.substr(colon + 1));
    if (!token(name) || !value_ok(value)) return 400;
    if (const int status = take_field(name, value, request, seen); status != 0) return status;
  }
  if (request.http_1_1 && seen.hosts != 1) return 400;  // RFC 9112 section 3.2
  // Two lengths of one body: somebody on the way may have taken the other (section 6.1).
  if (seen.coding && (seen.length || !request.http_1_1)) return 400;
  request.keep_alive = !seen.close && (request.http_1_1 || seen.alive);
  return 0;
}

}  // namespace http
