// A small face in front of Z3. Every query has a name; time-outs and unknowns are results. Only
// when memory runs out does an exception leave: std::bad_alloc from check(), Z3's own
// (is_out_of_memory) from where terms are made. Terms belong to the session that made them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/expr.h"

namespace weft::smt {

struct TermData;
// Shared handle of a Boolean or bit-vector term. Empty terms are only for "not set".
class Term {
 public:
  Term() = default;
  explicit Term(std::shared_ptr<const TermData> data) : data_(std::move(data)) {}
  const TermData& data() const { return *data_; }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  std::shared_ptr<const TermData> data_;
};

enum class Outcome { sat, unsat, unknown };

// Z3's words for it, in an exception or as the reason for an unknown.
bool is_out_of_memory(std::string_view words);

class Session {
 public:
  // Throws std::bad_alloc when less address space is free than a proof may need.
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Term variable(const std::string& name, unsigned width);  // width in bits; same name, same term
  Term boolean(const std::string& name);
  Term fresh(const std::string& name);  // a Boolean that is no other, whatever its name
  Term number(ir::Bits value, unsigned width);
  Term truth(bool value);
  // An uninterpreted function; width 0 makes it a predicate. Same name, same argument widths.
  Term apply(const std::string& name, const std::vector<Term>& args, unsigned width);

  Term all_of(const std::vector<Term>& args);
  Term any_of(const std::vector<Term>& args);
  Term negate(const Term& a);
  Term implies(const Term& a, const Term& b);
  Term ite(const Term& condition, const Term& a, const Term& b);
  // Comparisons and bit operations extend the narrower argument with zeros.
  Term equal(const Term& a, const Term& b);
  Term less(const Term& a, const Term& b);
  Term less_equal(const Term& a, const Term& b);
  Term arithmetic(ir::Op op, const Term& a, const Term& b);  // bit_and, bit_or, add, sub, shl, shr
  Term resize(const Term& a, unsigned width);
  Term as_bool(const Term& a);              // a 1-bit vector becomes "== 1"
  Term as_bits(const Term& a);              // a Boolean becomes one bit
  unsigned width(const Term& a);            // 0 for Booleans
  bool same(const Term& a, const Term& b);  // syntactically
  bool is_true(const Term& a);
  bool is_false(const Term& a);

  void push();
  void pop();
  void add(const Term& constraint);
  Outcome check(std::string_view query);  // `query` names it in statistics and errors
  // After sat, until constraints come or go: the value of a term in the model (Booleans: 0 or 1);
  // otherwise 0.
  ir::Bits value(const Term& a);

  unsigned queries() const;
  static std::string version();  // "z3 4.8.12"

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::smt
