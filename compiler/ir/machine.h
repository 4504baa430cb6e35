// The machine that a plan is for: its CPUs, and which of them packets may have.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::ir {

struct Cpu {
  unsigned id = 0;        // Linux's number
  unsigned node = 0;      // NUMA node
  unsigned core = 0;      // physical core; CPUs of one core are SMT siblings
  bool reserved = false;  // not for packets
  diag::Span span;
};

struct Machine {
  std::string name;
  double mhz = 0;                    // of its CPUs; 0: not known
  std::optional<unsigned> nic_node;  // NUMA node of the card
  double smt = 1.5;                  // a CPU takes so many times as long while a sibling works, too
  double remote = 150;               // cycles more for each packet, on another node than the card's
  double memory_mb = 0;              // for packets; 0: not known
  std::vector<Cpu> cpus;             // by id
  diag::Span mhz_span, memory_span, cpus_span;
};

// A CPU for a net core, and what work costs there.
struct Seat {
  Cpu cpu;
  double slower = 1;  // all of it takes so many times as long: a sibling works, too
  double remote = 0;  // cycles more for each packet
};

// Seats for `wanted` net cores, on which most packets can be worked off in all where one takes
// `cycles` by itself; each is taken where it adds most to those before, then by number. Fewer where
// there are no more. A reserved CPU works, too.
std::vector<Seat> seats_for(const Machine& machine, unsigned wanted, double cycles);

}  // namespace weft::ir
