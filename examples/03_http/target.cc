#include "target.h"

namespace http {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool decoded(std::string_view text, std::string& out) {
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = digit(text[i + 1]), low = digit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (static_cast<unsigned char>(c) <= 32 || c == 127) {
      return false;
    }
    if (c == '\0') return false;
    out.push_back(c);
  }
  return true;
}

// RFC 3986 section 5.2.4, but that nothing leads above the root.
bool without_dots(std::string& path) {
  std::string out;
  std::size_t at = 1;
  while (at <= path.size()) {
    std::size_t end = path.find('/', at);
    const bool last = end == std::string::npos;
    if (last) end = path.size();
    const std::string_view segment = std::string_view(path).substr(at, end - at);
    if (segment == "..") {
      const std::size_t parent = out.rfind('/');
      if (parent == std::string::npos) return false;
      out.resize(parent);
      if (last) out.push_back('/');
    } else if (segment == ".") {
      if (last) out.push_back('/');
    } else {
      out.push_back('/');
      out.append(segment);
    }
    at = end + 1;
  }
  path = out.empty() ? "/" : out;
  return true;
}

}  // namespace

bool path_of(std::string_view target, std::string& path) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.substr(0, scheme.size()) != scheme) continue;
    const std::size_t slash = target.find_first_of("/?#", scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
    if (target.front() != '/') target = "/";
    break;
  }
  if (target.empty() || target.front() != '/') return false;
  if (target.find('#') != std::string_view::npos) return false;
  path.clear();
  return decoded(target.substr(0, target.find('?')), path) && without_dots(path);
}

std::string encoded(std::string_view path) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain) {
      out.push_back(c);
    } else {
      out.append({'%', hex[byte >> 4], hex[byte & 15]});
    }
  }
  return out;
}

}  // namespace http
