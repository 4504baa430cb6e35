// Linear equations over GF(2), kept in echelon form while they come in.
#pragma once

#include <optional>
#include <vector>

#include "compiler/rss/row.h"

namespace weft::rss {

class System {
 public:
  // `unknowns`: bits of all keys together, at most most_bits.
  explicit System(unsigned unknowns);

  // False: it contradicts those before, and is left out.
  bool add(const Equation& equation);

  // What is left of a form once all equations are used. A form without bits is settled: its value
  // is the same in all solutions.
  Equation reduced(Equation equation) const;
  std::optional<bool> settled(const Row& form) const;

  unsigned unknowns() const { return unknowns_; }
  unsigned rank() const { return static_cast<unsigned>(rows_.size()); }
  unsigned words() const { return words_; }

  // The one solution that agrees with `chosen` in all bits that no equation settles.
  Row solve(const Row& chosen) const;

 private:
  unsigned unknowns_;
  unsigned words_;
  std::vector<Equation> rows_;   // each with a lowest bit of its own
  std::vector<int> row_of_;      // by lowest bit; -1: none
  std::vector<unsigned> order_;  // bits with a row, highest first
};

}  // namespace weft::rss
