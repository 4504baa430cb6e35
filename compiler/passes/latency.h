// What one packet in 100 waits for, on a core that serves queues: those that it polls first, and
// the others. Poisson arrivals, any service times (M/G/1, Pollaczek-Khinchine for the mean, an
// exponential tail: P(W > t) = rho exp(-t / m), m the mean wait of those who wait), and two classes
// without preemption (Cobham).
#pragma once

namespace weft::passes {

// Work that arrives.
struct Work {
  double rate = 0;     // packets per second
  double cycles = 0;   // per second
  double squares = 0;  // of the cycles of a packet, per second
  double longest = 0;  // cycles of the packet that takes longest

  // So many packets of so many cycles each.
  void add(double packets, double each);
  void add(const Work& more);
};

// A core's work, with `hz` cycles per second; together less than that.
struct CoreWork {
  Work first;   // of the queues that are polled before the others
  Work others;  // of the others
  double hz = 0;
};

// Seconds that 99 of 100 packets take at most from arrival to the end of their service, where their
// own service takes `own` cycles. `first`: they arrive on a queue that is polled first, and then
// wait for one burst of the others (plan/preferred.h) where more than one in 100 meets one.
double p99_seconds(const CoreWork& core, double own, bool first);

// Seconds that a packet waits for what came before it, in the mean; for those polled first as if
// all others came in bursts of full length.
double wait_seconds(const CoreWork& core, bool first);

}  // namespace weft::passes
