// Counting problems for Z3: whole numbers within limits, sums of them, and named facts of which a
// contradiction names those that it needs. For judging answers that were found otherwise ("so much
// is possible, one more is not") and for saying why nothing is possible; not for searching.
// Efforts are counted, never timed: the same question has the same answer on every machine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compiler/smt/solver.h"

namespace weft::smt {

class Counting {
 public:
  using Number = unsigned;
  using Fact = unsigned;
  using Sum = std::vector<std::pair<std::int64_t, Number>>;  // factor, number
  static constexpr Fact always = ~0u;

  Counting();
  ~Counting();
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;

  Number number(std::int64_t low, std::int64_t high);
  // What may be left out: limits that belong to a fact hold only where it is asked for.
  Fact fact();
  void at_most(const Sum& sum, std::int64_t limit, Fact part_of = always);
  void at_least(const Sum& sum, std::int64_t limit, Fact part_of = always);

  // Can all facts hold together? With `goal` also this sum, at least this much.
  Outcome check(const std::vector<Fact>& facts);
  Outcome check(const std::vector<Fact>& facts, const Sum& goal, std::int64_t limit);
  std::int64_t value(Number n) const;  // after sat

  // Of facts that cannot hold together, some of which none can be left out. Left out are first
  // those that come first. Empty when they can, or when nobody knows.
  std::vector<Fact> core(std::vector<Fact> facts);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::smt
