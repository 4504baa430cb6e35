// The document with all counters of a running stack (runtime/observe/README.md), and how it is
// read.
#pragma once

#include <exception>
#include <nlohmann/json.hpp>
#include <string>

#include "compiler/diag/diagnostic.h"

namespace weft::tool {

using Json = nlohmann::ordered_json;

// `name` as `ask` takes it. E0465; E0466: of another version.
diag::Result<Json> stats_document(const std::string& name);

// What is not there counts as 0, or as nothing.
std::uint64_t number(const Json& j, const char* key);
std::string text(const Json& j, const char* key);

// "demo: host_udp_ipv4 on none, generated, up for 12.3 s"
std::string head_line(const Json& document);

// Reports a document that lacks what all have.
int lacks_a_part(const std::exception& e);

}  // namespace weft::tool
