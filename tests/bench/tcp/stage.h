// One contender on a wire of its own, with the kernel at the wire's other end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/bench/process.h"
#include "tests/bench/tcp/load.h"

namespace weft::bench {

struct Place {
  unsigned stack_cpu, load_cpu;
  std::string folder, build;
};

class Stage {
 public:
  // `wire`: "veth", or "memif" (behind it dpdk-testpmd and a TAP of the kernel); `who`: "kernel",
  // "lwip", "weft". Is paused then. Throws std::runtime_error.
  Stage(const std::string& wire, const std::string& who, const Place& place, unsigned number);

  // Runs `load` while the contender is not paused; `cpu` is its processor time then, in seconds.
  Counted measure(Counted (*load)(const LoadOptions&, unsigned), unsigned connections,
                  double seconds, double& cpu);

 private:
  const std::string name_;
  Namespace peer_, mine_;
  unsigned load_cpu_;
  std::unique_ptr<Process> stack_, bridge_;
};

}  // namespace weft::bench
