// What changes from one plan to the next.
#pragma once

#include <string>
#include <vector>

#include "compiler/plan/plan.h"

namespace weft::plan {

struct Change {
  enum class Kind { add, change, remove };
  Kind kind = Kind::change;
  std::string section;  // "host", "knobs", "rss", "filters", "endpoints", "flows", "queues",
                        // "cores", "node any", "node flows"
  std::string subject;  // "udp_checksum", "rx.ipv4_cksum"
  std::string before;   // "" when added
  std::string after;    // "" when removed
  std::vector<std::string> reasons;  // nodes: why it was, why it is
};

// Residues are compared by the class of the queues that they serve. Inputs' hashes, predicted
// figures and the proof are no changes. Empty: the two plans do the same.
std::vector<Change> diff(const Plan& before, const Plan& after);

struct DiffOptions {
  bool all = false;  // every filter and flow
  bool colour = false;
};
std::string diff_text(const Plan& before, const Plan& after, const DiffOptions& options);
std::string diff_json(const Plan& before, const Plan& after);

}  // namespace weft::plan
