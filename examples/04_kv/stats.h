// What the server tells of itself, with memcached's names.
#pragma once

#include <functional>
#include <string_view>

#include "stores.h"

namespace kv {

inline constexpr std::string_view version = "1.6.18-weft";
inline constexpr std::string_view version_line = "VERSION 1.6.18-weft\r\n";

// `what`: "" or "settings", "items", "slabs", "sizes", "conns". False: no such group.
bool each_stat(Stores& stores, std::string_view what,
               const std::function<void(std::string_view, std::string_view)>& tell);

}  // namespace kv
