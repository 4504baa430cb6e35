#include "compiler/passes/latency.h"

#include <algorithm>
#include <cmath>

#include "compiler/plan/preferred.h"

namespace weft::passes {

namespace {

constexpr double one_in = 100;

// Cycles that all but one in 100 wait at most for the rest of what came before them.
double wait(const Work& work, double hz) {
  const double rho = work.cycles / hz;
  if (one_in * rho <= 1) return 0;
  return work.squares / (2 * work.cycles) / (1 - rho) * std::log(one_in * rho);
}

// Cycles of a burst of those that are not polled first.
double whole_burst(const CoreWork& core) {
  return std::max(core.others.longest, plan::longest_beside_preferred_ns * 1e-9 * core.hz);
}

// Cycles until one has ended.
double burst(const CoreWork& core) {
  // (Where few meet one, who does is the one in 100.)
  return one_in * core.others.cycles <= core.hz ? 0 : whole_burst(core);
}

}  // namespace

void Work::add(double packets, double each) {
  if (packets == 0) return;
  rate += packets;
  cycles += packets * each;
  squares += packets * each * each;
  longest = std::max(longest, each);
}

void Work::add(const Work& more) {
  rate += more.rate;
  cycles += more.cycles;
  squares += more.squares;
  longest = std::max(longest, more.longest);
}

double p99_seconds(const CoreWork& core, double own, bool first) {
  if (first) return (own + wait(core.first, core.hz) + burst(core)) / core.hz;
  Work all = core.first;
  all.add(core.others);
  // (Whoever is polled first and comes meanwhile goes before.)
  return (own + wait(all, core.hz) / (1 - core.first.cycles / core.hz)) / core.hz;
}

double wait_seconds(const CoreWork& core, bool first) {
  const double busy_first = core.first.cycles / core.hz, busy = core.others.cycles / core.hz;
  // Cycles that what is being worked off still takes.
  double rest = core.first.squares / (2 * core.hz);
  rest += first ? busy * whole_burst(core) / 2 : core.others.squares / (2 * core.hz);
  return rest / (1 - busy_first) / (first ? 1 : 1 - busy_first - busy) / core.hz;
}

}  // namespace weft::passes
