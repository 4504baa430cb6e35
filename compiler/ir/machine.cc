#include "compiler/ir/machine.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace weft::ir {

std::vector<Cpu> cpus_for(const Machine& machine, unsigned wanted) {
  std::vector<Cpu> out;
  std::vector<Cpu> free;
  for (const Cpu& cpu : machine.cpus) {
    if (!cpu.reserved) free.push_back(cpu);
  }
  std::set<std::pair<unsigned, unsigned>> taken;  // node, core
  while (out.size() < wanted && !free.empty()) {
    const auto rank = [&](const Cpu& c) {
      return std::tuple(machine.nic_node && c.node != *machine.nic_node,
                        taken.contains({c.node, c.core}), c.id);
    };
    const auto best = std::min_element(
        free.begin(), free.end(), [&](const Cpu& a, const Cpu& b) { return rank(a) < rank(b); });
    taken.insert({best->node, best->core});
    out.push_back(*best);
    free.erase(best);
  }
  return out;
}

}  // namespace weft::ir
