// Header fields, declared once in graphs/headers/*.yaml, and the names that are no header bits:
// pkt.* (frame), meta.* (between nodes), desc.* (descriptor), host.* (parameters), knob.* (cards).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/expr.h"

namespace weft::ir {

// Where a header begins: at the frame's start, at the network or at the transport offset. A `none`
// field lives in the Packet structure or in the host parameters.
enum class Layer { none, l2, l3, l4 };

struct Field {
  std::string name;  // "ipv4.ttl"
  Layer layer = Layer::none;
  unsigned offset = 0;  // bits from the start of its header, network order
  unsigned width = 0;   // bits, at most 64
  std::string storage;  // C++ expression for Layer::none ("p.len", "core.host.mac"), "" otherwise
  std::string meaning;
};

struct Header {
  std::string name;
  std::string title;
  std::string source;  // "RFC 791 section 3.1"
  Layer layer = Layer::none;
  unsigned min_bytes = 0;
  ExprPtr selected_by;  // has(name) on wire values, lengths included; null: always there
  std::vector<std::string> fields;
};

// All declared names. Copyable; built by frontend/headers_reader.
struct FieldTable {
  std::map<std::string, Field, std::less<>> fields;
  std::map<std::string, Header, std::less<>> headers;
  std::string digest;  // SHA-256 over the header files, for the plan's inputs

  const Field* find(std::string_view name) const;
  const Header* header(std::string_view name) const;
  std::vector<std::string> names() const;
};

}  // namespace weft::ir
