#include "tests/sim/spread.h"

#include <cstdlib>
#include <string>

namespace weft::sim {

void spread(plan::Plan& plan, unsigned cores) {
  plan.cores.assign(cores, {});
  for (unsigned i = 0; i < cores; ++i) plan.cores[i].id = i;
  for (unsigned q = 0; q < plan.configuration.rx_queues; ++q)
    plan.cores[q % cores].queues.push_back(q);
}

bool nightly() {
  const char* set = std::getenv("WEFT_NIGHTLY");
  return set != nullptr && std::string(set) != "0" && std::string(set) != "";
}

}  // namespace weft::sim
