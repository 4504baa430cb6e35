// The host's addresses, asked many times: whether they are its own, and whether a packet can come
// from somewhere.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "compiler/frontend/workload_values.h"

namespace weft::frontend {

class OwnAddresses {
 public:
  // `host` outlives it, and is complete before the first question.
  explicit OwnAddresses(const ir::HostConfig& host) : host_(host) {}

  // Where the host's own address could not be read, all is well: that is reported already.
  bool all_own(const Range& range);
  // Why no packet can come from some address of the range; empty: it can from all.
  std::string fault_of_source(const Range& range);
  // The same, reported at the value that says it: E0250.
  bool check_source(const Value& at, const Range& range);

 private:
  const ir::HostConfig& host_;
  std::unordered_set<std::uint32_t> own_;
  std::vector<ir::OwnAddress> prefixes_;
};

}  // namespace weft::frontend
