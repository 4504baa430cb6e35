#include "compiler/ir/machine.h"

#include <algorithm>

namespace weft::ir {

namespace {

bool siblings(const Cpu& a, const Cpu& b) {
  return a.id != b.id && a.node == b.node && a.core == b.core;
}

// Slower where another one of the same physical core is taken, too, or reserved.
void price(const Machine& machine, std::vector<Seat>& seats) {
  for (Seat& seat : seats) {
    const auto works = [&](const Cpu& c) { return siblings(c, seat.cpu); };
    const bool shared =
        std::any_of(machine.cpus.begin(), machine.cpus.end(),
                    [&](const Cpu& c) { return c.reserved && works(c); }) ||
        std::any_of(seats.begin(), seats.end(), [&](const Seat& s) { return works(s.cpu); });
    seat.slower = shared ? machine.smt : 1;
    seat.remote = machine.nic_node && seat.cpu.node != *machine.nic_node ? machine.remote : 0;
  }
}

// Packets that they work off in a cycle.
double capacity(const std::vector<Seat>& seats, double cycles) {
  double sum = 0;
  for (const Seat& s : seats) sum += 1 / (s.slower * (cycles + s.remote));
  return sum;
}

}  // namespace

std::vector<Seat> seats_for(const Machine& machine, unsigned wanted, double cycles) {
  std::vector<Seat> out;
  while (out.size() < wanted) {
    std::vector<Seat> best;
    for (const Cpu& cpu : machine.cpus) {
      const bool taken =
          std::any_of(out.begin(), out.end(), [&](const Seat& s) { return s.cpu.id == cpu.id; });
      if (cpu.reserved || taken) continue;
      std::vector<Seat> with = out;
      with.push_back({cpu});
      price(machine, with);
      if (best.empty() || capacity(with, cycles) > capacity(best, cycles) * (1 + 1e-9))
        best = std::move(with);
    }
    if (best.empty()) break;
    out = std::move(best);
  }
  return out;
}

}  // namespace weft::ir
