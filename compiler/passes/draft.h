// A plan without a proof, of one choice: choose, configure, embed, place. What is compared with
// others and thrown away takes the residues of those.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/passes/place.h"

namespace weft::passes {

// Residues that were made for other choices, by what they were made for.
struct KnownResidues {
  std::vector<plan::Residue> residues;
  std::optional<std::vector<std::string>> segment;
};
using Known = std::map<std::string, KnownResidues>;

// `known`: empty (the plan is one to keep, and what it is made of is kept there), or of choices
// that differ from this one in queues, cores and rules alone: then the plan's figures are right,
// its residues are those of another one. Null: the plan is to keep.
diag::Result<Foreseen> draft(const Inputs& inputs, const Options& options, plan::Plan& plan,
                             Known* known = nullptr);

// What it comes to.
plan::Compared figures(const plan::Plan& plan, double latency_us);

}  // namespace weft::passes
