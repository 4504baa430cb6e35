// The head of an HTTP/1.1 request (RFC 9112): where it ends, what it asks for, and what is wrong
// with it. Text that is given lies elsewhere; nothing here copies or allocates but the path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace http {

enum class Method : std::uint8_t { get, head, options, other_known, unknown };

struct Request {
  Method method = Method::unknown;
  std::string path;  // decoded, without dot segments, begins with a slash; "*" as it is
  bool http_1_1 = false;
  bool keep_alive = false;
  bool expects_continue = false;
  bool chunked = false;          // a body in chunks follows
  std::uint64_t body_bytes = 0;  // of a body that follows as it is

  std::string_view range, if_range, if_match, if_none_match;
  std::string_view if_modified_since, if_unmodified_since;
};

// Bytes that belong to the head, its empty line included; 0: the end has not come yet. `seen` bytes
// at the front were looked at before.
std::size_t end_of_head(std::string_view text, std::size_t seen = 0);

// `head` as end_of_head says. Returns 0, or the status of the answer (400, 414, 501, 505) after
// which the connection is closed: what follows cannot be told apart from the rest of a wrong head.
int parse_head(std::string_view head, Request& request);

// Limits: a longer request line is answered by 414, a longer head by 431, a longer body by 413.
inline constexpr std::size_t longest_line = 8000;
inline constexpr std::size_t longest_head = 16384;
inline constexpr std::uint64_t longest_body = 1 << 20;

bool same(std::string_view a, std::string_view b);  // letters of either case
std::string_view trimmed(std::string_view text);    // without blanks at its ends
// The next element of a list with commas, taken off; false: there is none.
bool next_element(std::string_view& list, std::string_view& element);

}  // namespace http
