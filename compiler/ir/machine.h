// The machine that a plan is for: its CPUs, and which of them packets may have.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace weft::ir {

struct Cpu {
  unsigned id = 0;        // Linux's number
  unsigned node = 0;      // NUMA node
  unsigned core = 0;      // physical core; CPUs of one core are SMT siblings
  bool reserved = false;  // not for packets
};

struct Machine {
  std::string name;
  double mhz = 0;                    // of its CPUs; 0: not known
  std::optional<unsigned> nic_node;  // NUMA node of the card
  std::vector<Cpu> cpus;             // by id
};

// CPUs for `wanted` net cores, the best first: of the card's node before others, those whose
// sibling has none before those that share a core, then by number. Fewer where there are no more.
std::vector<Cpu> cpus_for(const Machine& machine, unsigned wanted);

}  // namespace weft::ir
