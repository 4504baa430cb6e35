// Flows as a CSV file: a line of column names, then one flow in each line. For lists too long for
// YAML; what a flow means (its endpoint, its addresses) is checked by the reader of workloads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::frontend {

struct FlowRow {
  unsigned line = 0;
  std::string_view endpoint;  // empty: none is named
  std::uint32_t src = 0;
  unsigned length = 32;  // less: `src` is a prefix
  bool ipv6 = false;     // then no more is said of the source
  std::uint16_t src_port = 0;
  bool any_port = false;
  std::optional<std::uint32_t> dst;
  std::optional<std::uint16_t> dst_port;
  std::optional<double> rate;  // packets per second
  std::optional<bool> gold;
  std::optional<unsigned> queue;
};

// E0274. The rows point into `text`; `file` is the name used in places.
diag::Result<std::vector<FlowRow>> parse_flow_csv(std::string_view text, const std::string& file);

}  // namespace weft::frontend
