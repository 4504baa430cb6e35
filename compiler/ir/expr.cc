#include "compiler/ir/expr.h"

#include <algorithm>
#include <set>

namespace weft::ir {
namespace {

ExprPtr make(Expr e) { return std::make_shared<const Expr>(std::move(e)); }

unsigned bit_length(Bits value) {
  unsigned n = 0;
  for (; value != 0; value >>= 1) ++n;
  return std::max(1U, n);
}

// What an argument adds to the width of a result. A constant counts as wide as its value needs, so
// that how a number is written never changes what an expression means.
unsigned argument_width(const ExprPtr& e) {
  return e->op == Op::constant ? bit_length(e->value) : e->width;
}

// Flattens arguments of the same operator, drops `neutral` ones; an absorbing one decides.
ExprPtr join(Op op, std::vector<ExprPtr> args, bool neutral) {
  std::vector<ExprPtr> kept;
  for (ExprPtr& arg : args) {
    if (neutral ? is_true(arg) : is_false(arg)) continue;
    if (neutral ? is_false(arg) : is_true(arg)) return truth(!neutral);
    if (arg->op == op) {
      kept.insert(kept.end(), arg->args.begin(), arg->args.end());
    } else {
      kept.push_back(std::move(arg));
    }
  }
  if (kept.empty()) return truth(neutral);
  if (kept.size() == 1) return kept.front();
  return make({.op = op, .width = 1, .args = std::move(kept)});
}

void collect(const ExprPtr& e, std::set<std::string>& names) {
  if (e->op == Op::name) names.insert(e->name);
  if (e->op == Op::has) names.insert("has " + e->name);
  for (const ExprPtr& arg : e->args) collect(arg, names);
}

}  // namespace

ExprPtr constant(Bits value, unsigned width) {
  return make({.op = Op::constant, .width = width, .value = value});
}

ExprPtr truth(bool value) { return constant(value ? 1 : 0, 1); }

ExprPtr name(std::string name, unsigned width) {
  return make({.op = Op::name, .width = width, .name = std::move(name)});
}

ExprPtr has(std::string header) {
  return make({.op = Op::has, .width = 1, .name = std::move(header)});
}

ExprPtr negate(ExprPtr e) {
  if (is_true(e)) return truth(false);
  if (is_false(e)) return truth(true);
  if (e->op == Op::logical_not) return e->args.front();
  return make({.op = Op::logical_not, .width = 1, .args = {std::move(e)}});
}

ExprPtr all_of(std::vector<ExprPtr> args) { return join(Op::logical_and, std::move(args), true); }
ExprPtr any_of(std::vector<ExprPtr> args) { return join(Op::logical_or, std::move(args), false); }

ExprPtr binary(Op op, ExprPtr a, ExprPtr b) {
  if (op == Op::logical_and) return all_of({std::move(a), std::move(b)});
  if (op == Op::logical_or) return any_of({std::move(a), std::move(b)});
  unsigned width = 1;
  const unsigned wider = std::max(argument_width(a), argument_width(b));
  if (op == Op::bit_and || op == Op::bit_or) width = wider;
  if (op >= Op::add) width = wider > 32 ? 64 : 32;
  return make({.op = op, .width = width, .args = {std::move(a), std::move(b)}});
}

bool is_true(const ExprPtr& e) { return e->op == Op::constant && e->value == 1; }
bool is_false(const ExprPtr& e) { return e->op == Op::constant && e->value == 0; }

bool equal(const ExprPtr& a, const ExprPtr& b) {
  if (a == b) return true;
  if (a == nullptr || b == nullptr || a->op != b->op) return false;
  if (a->op == Op::constant) return a->value == b->value;
  if (a->name != b->name || a->width != b->width || a->args.size() != b->args.size()) return false;
  return std::equal(a->args.begin(), a->args.end(), b->args.begin(), equal);
}

std::vector<std::string> names_in(const ExprPtr& e) {
  std::set<std::string> names;
  if (e != nullptr) collect(e, names);
  return {names.begin(), names.end()};
}

}  // namespace weft::ir
