#include "compiler/codegen/equalities.h"

#include <algorithm>
#include <bit>

#include "compiler/codegen/expr_code.h"

namespace weft::codegen {
namespace {

constexpr unsigned most_bytes = 4;

// The same of a wider or moved window, of which `e` has a part.
void widen(Equality& e, unsigned first, unsigned bytes) {
  const unsigned shift = 8 * (first + bytes - e.first - e.bytes);
  e.mask <<= shift;
  e.value <<= shift;
  e.first = first;
  e.bytes = bytes;
}

}  // namespace

std::optional<Equality> equality(const ir::FieldTable& fields, const ir::Expr& expr) {
  if (expr.op != ir::Op::eq) return std::nullopt;
  const auto& left = *expr.args.at(0);
  const auto& right = *expr.args.at(1);
  if (left.op != ir::Op::name || right.op != ir::Op::constant) return std::nullopt;
  const auto* field = fields.find(left.name);
  if (field == nullptr || field->layer == ir::Layer::none || field->width > 32) return std::nullopt;
  Equality e;
  e.header = fields.header(field->name.substr(0, field->name.find('.')));
  e.layer = field->layer;
  e.first = field->offset / 8;
  const unsigned end = field->offset + field->width;
  e.bytes = (end + 7) / 8 - e.first;
  if (e.header == nullptr || e.bytes > most_bytes) return std::nullopt;
  const std::uint64_t all = (std::uint64_t{1} << field->width) - 1;
  if (right.value > all) return std::nullopt;
  const unsigned shift = 8 * (e.first + e.bytes) - end;
  e.mask = all << shift;
  e.value = static_cast<std::uint64_t>(right.value) << shift;
  e.name = identifier(field->name);
  return e;
}

std::optional<Equality> both(const Equality& a, const Equality& b) {
  if (a.header != b.header) return std::nullopt;
  unsigned first = std::min(a.first, b.first);
  const unsigned end = std::max(a.first + a.bytes, b.first + b.bytes);
  const unsigned bytes = std::bit_ceil(end - first);
  // Nothing is read that the header may not have.
  if (bytes > most_bytes || bytes > a.header->min_bytes) return std::nullopt;
  first = std::min(first, a.header->min_bytes - bytes);
  if (end > first + bytes) return std::nullopt;
  Equality whole = a, other = b;
  widen(whole, first, bytes);
  widen(other, first, bytes);
  if ((whole.mask & other.mask) != 0) return std::nullopt;  // the same field twice
  whole.mask |= other.mask;
  whole.value |= other.value;
  whole.name += "_and_" + b.name.substr(a.header->name.size() + 1);
  return whole;
}

}  // namespace weft::codegen
