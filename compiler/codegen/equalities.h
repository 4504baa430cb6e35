// Fields that lie beside each other and are compared with constants: one load and one comparison
// serve all of them (`ipv4.version == 4 && ipv4.ihl == 5` is one byte that is 0x45).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "compiler/ir/expr.h"
#include "compiler/ir/fields.h"

namespace weft::codegen {

// (The bytes [first, first + bytes) of a header, as a number) & mask == value.
struct Equality {
  const ir::Header* header = nullptr;
  ir::Layer layer = ir::Layer::none;
  unsigned first = 0, bytes = 0;
  std::uint64_t mask = 0, value = 0;
  std::string name;  // "ipv4_version_and_ihl"
};

// Of `field == constant`; nothing for other expressions, and for fields wider than 32 bits.
std::optional<Equality> equality(const ir::FieldTable& fields, const ir::Expr& expr);

// Both, where a load of at most four bytes of the header has both.
std::optional<Equality> both(const Equality& a, const Equality& b);

}  // namespace weft::codegen
