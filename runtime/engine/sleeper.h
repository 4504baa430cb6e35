// How an idle net core rests: until one of the wire's descriptors has something, another core has
// something for it, or its time is up.
//
// Nobody is left asleep: a core says that it sleeps, looks once more, and only then waits; who puts
// something somewhere for it does so first and then asks whether it sleeps. Both by a read-modify-
// write of one variable: whichever comes second sees what the other did before.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace weft::engine {

class Sleeper {
 public:
  Sleeper();
  ~Sleeper();
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  // By the core's own thread. Descriptors that become readable when a frame comes; those that send
  // a signal then send it to this thread from now on. False: the system does not wait for one of
  // them, so that the core must not rely on being woken.
  bool watch(const std::vector<int>& descriptors);

  // By the core itself. After `lie_down` it looks for work once more, then waits or gets up.
  void lie_down();
  void get_up() { asleep_.store(0, std::memory_order_relaxed); }
  // For at most this long. True when a descriptor of the wire was ready.
  bool wait(std::uint64_t at_most_ns);

  // By any thread, behind what it has to tell. A system call only where the core sleeps.
  void wake();

 private:
  int epoll_ = -1, event_ = -1;
  std::atomic<unsigned> asleep_{0};
};

}  // namespace weft::engine
