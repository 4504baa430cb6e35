// Conditional requests (RFC 9110 section 13).
#pragma once

#include <cstdint>

#include "files.h"
#include "request.h"

namespace http {

// 0: go on; 304: the client has it; 412: the condition does not hold. In the order of
// section 13.2.2.
int check_conditions(const Request& request, const File& file, std::int64_t now);
// Whether If-Range lets the ranges stand (section 13.1.5).
bool range_applies(const Request& request, const File& file, std::int64_t now);

}  // namespace http
