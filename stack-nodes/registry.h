// The list of all nodes: their declarations for the compiler, their bodies for the interpreter.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stack-nodes/node.h"

namespace weft {
struct Packet;
struct Core;
}  // namespace weft

namespace weft::nodes {

struct Entry {
  const NodeDecl* decl;
  std::string_view type;            // C++ name, for generated code: "weft::nodes::ipv4::ChecksumOk"
  std::string_view header;          // to include: "stack-nodes/ipv4/checksum_ok.h"
  unsigned (*run)(Packet&, Core&);  // the out-port taken, as an index into decl->ports
};

std::span<const Entry> all();
const Entry* find(std::string_view name);

// "a, b ,c" -> {"a", "b", "c"}
std::vector<std::string> split(std::string_view list);

}  // namespace weft::nodes
