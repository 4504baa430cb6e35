// One capture through two stacks: everything that can be seen from outside must be the same.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/compare.h"
#include "tests/sim/harness.h"

namespace weft::sim {

// What a kernel sent (kernel_capture.py, recorded now). Empty, and said loudly, where this machine
// does not let us: no root, no tcpdump.
const std::vector<Bytes>& kernel_frames();

// Everything about a run that another one must share.
struct Result {
  Flows flows;                  // what went out
  bool pieces_in_order = true;  // those of others, which the stack forwards
  Ends ends;                    // how often each drop reason and endpoint was reached
  // The same after every burst of frames: which packets the reasons belong to.
  std::vector<std::vector<std::uint64_t>> marks;
  std::map<std::string, std::uint64_t> coverage;
  std::string wrong;  // "": balance exact, checksums right, no buffer lost
  double seconds = 0;
};

Result run(const plan::Plan& plan, const passes::Inputs& inputs,
           const std::vector<ports::Frame>& capture, StackOptions options);

// "" when equal, else the first difference.
std::string difference(const Result& expected, const Result& actual);

}  // namespace weft::sim
