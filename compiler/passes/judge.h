// Part of the pass "choose": what Z3 says about a filter plan that was found without it: that no
// better one exists; or, where there is none at all, which few facts stand against each other.
#pragma once

#include <string>
#include <vector>

#include "compiler/passes/filter_plan.h"

namespace weft::passes {

// "So much is possible, more is not." False also where the effort allowed did not suffice. (Z3 is
// not asked where the plan is worth as much as its rules would be in one table without masks.)
bool certify(const FilterProblem& problem, const FilterPlan& plan);

// Facts that cannot all hold, none of which can be left out.
struct Contradiction {
  std::vector<unsigned> classes;  // whose flows need rules
  std::vector<unsigned> full;     // tables, by index, whose capacity stands in the way
  std::vector<unsigned> masked;   // tables whose rules share one mask
};
// What is missing from a plan, as few facts. Pre: some class that must have rules lacks them.
Contradiction why_not(const FilterProblem& problem);

// The most rules of class `c` that are possible while all other wishes of `among` hold.
unsigned most_rules(const FilterProblem& problem, unsigned c, const std::vector<unsigned>& among);

}  // namespace weft::passes
