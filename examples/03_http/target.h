// From the target of a request to the path of a file (RFC 9112 section 3.2, RFC 3986).
#pragma once

#include <string>
#include <string_view>

namespace http {

// `/a/b?query` or `http://host/a/b`: decoded, without query and dot segments. False: malformed, or
// it leads out of the root.
bool path_of(std::string_view target, std::string& path);

// A path as a target says it: all but unreserved characters and slashes as %XX.
std::string encoded(std::string_view path);

}  // namespace http
