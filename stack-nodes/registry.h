// The list of all nodes: their declarations for the compiler, their bodies for the interpreter.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stack-nodes/node.h"

namespace weft {
struct Packet;
struct Core;
}  // namespace weft

namespace weft::nodes {

struct Entry {
  const NodeDecl* decl;
  std::string_view type;    // C++ name, for generated code: "weft::nodes::ipv4::ChecksumOk"
  std::string_view header;  // to include: "stack-nodes/ipv4/checksum_ok.h"
  // Runs the body for each of n packets; `ports` gets the out-port that each takes, as an index
  // into decl->ports. Returns all of them, or-ed: 0 where all took the first.
  unsigned (*run_each)(Packet* const* packets, unsigned n, Core& core, std::uint8_t* ports);

  unsigned run(Packet& p, Core& core) const {
    Packet* const one = &p;
    std::uint8_t port;
    return run_each(&one, 1, core, &port);
  }
};

std::span<const Entry> all();
const Entry* find(std::string_view name);

// "a, b ,c" -> {"a", "b", "c"}
std::vector<std::string> split(std::string_view list);

// NodeDecl::assigns: "a = x; b = y" -> {{"a", "x"}, {"b", "y"}}
std::vector<std::pair<std::string, std::string>> assignments(std::string_view text);

}  // namespace weft::nodes
