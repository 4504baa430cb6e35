// Base 64 (RFC 4648 section 4), for binary keys in a text protocol.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kv {

bool from_base64(std::string_view text, std::string& bytes);

}  // namespace kv
