// Faults in plans: every place where a plan can be changed by hand, one change at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/sim/harness.h"

namespace weft::sim {

struct Fault {
  std::string kind;   // "filter's queue"
  std::string place;  // "f3 to queue 2"
  std::function<void(plan::Plan&)> plant;
};

// All of them, in the order of kinds. The plan is one that compiles and proves.
std::vector<Fault> faults_of(const plan::Plan& plan, const passes::Inputs& inputs);

}  // namespace weft::sim
