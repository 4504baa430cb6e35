// SHA-256 (FIPS 180-4), for digests of inputs and plans. Not for secrets.
#pragma once

#include <string>
#include <string_view>

namespace weft::diag {

std::string sha256_hex(std::string_view data);  // 64 lower-case digits

}  // namespace weft::diag
