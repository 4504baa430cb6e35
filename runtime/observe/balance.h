// Is every packet accounted for? Sums that counters of different origin must agree on: the wire's,
// the card's, the engine's, the graph's, the tables' and the applications'.
#pragma once

#include <string>
#include <vector>

#include "runtime/observe/snapshot.h"

namespace weft::observe {

struct Equation {
  std::string name;  // "receive"
  std::string text;  // "1000 received = 990 delivered + 8 answered + 2 dropped"
  std::uint64_t left = 0, right = 0;
  bool holds() const { return left == right; }
};

struct Balance {
  std::vector<Equation> equations;
  bool exact() const;
  // What ended where: the one line that people want. Then one line for each sum that is wrong.
  std::string text() const;
};

// Exact only for a snapshot of a stopped stack: a running one moves on between two readings.
Balance balance(const Snapshot& snapshot);

}  // namespace weft::observe
