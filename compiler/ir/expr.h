// Predicates: unsigned bit-vector expressions over header fields, descriptor fields, knobs and
// host parameters. There is one expression language for protocol graphs, card graphs and residues.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::ir {

__extension__ using Bits = unsigned __int128;  // wide enough for an IPv6 address

enum class Op {
  constant,     // value, width
  name,         // a field ("ipv4.ttl"), "desc.*", "meta.*", "host.*", "knob.*"
  has,          // has(ipv4): the header is there, as a card's parser sees it on the wire
  logical_not,  // 1 argument
  logical_and,  // 2 or more
  logical_or,   // 2 or more
  eq,           // comparisons: 2 arguments, zero-extended to the wider one, unsigned
  ne,
  lt,
  le,
  gt,
  ge,
  bit_and,  // width of the wider argument
  bit_or,
  add,  // arithmetic is done in 32 bits (64 where an argument is wider)
  sub,
  shl,
  shr,
};

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

// Immutable; shared freely. Booleans have width 1.
struct Expr {
  Op op = Op::constant;
  unsigned width = 1;  // bits of the result
  Bits value = 0;      // constant
  std::string name;    // name, has
  std::vector<ExprPtr> args;
  diag::Span span;
};

ExprPtr constant(Bits value, unsigned width);
ExprPtr truth(bool value);
ExprPtr name(std::string name, unsigned width);
ExprPtr has(std::string header);
ExprPtr negate(ExprPtr e);
// all_of / any_of drop neutral elements and flatten; all_of({}) is true, any_of({}) is false.
ExprPtr all_of(std::vector<ExprPtr> args);
ExprPtr any_of(std::vector<ExprPtr> args);
ExprPtr binary(Op op, ExprPtr a, ExprPtr b);

bool is_true(const ExprPtr& e);
bool is_false(const ExprPtr& e);
bool equal(const ExprPtr& a, const ExprPtr& b);

// Every name and header that the expression mentions (sorted, unique); `has(h)` is given as "has
// h".
std::vector<std::string> names_in(const ExprPtr& e);

// Text that parse_expr reads back to an equal expression.
std::string to_string(const ExprPtr& e);
std::string format_bits(Bits value);

}  // namespace weft::ir
