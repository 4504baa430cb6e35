// Values that a workload's endpoints and flows are made of: ranges of ports, addresses and queues,
// classes, times.
#pragma once

#include <cstdint>
#include <optional>

#include "compiler/frontend/yaml_reader.h"
#include "compiler/ir/workload.h"

namespace weft::frontend {

inline constexpr double highest_rate = 1e12;  // packets per second
inline constexpr unsigned most_queues = 1024;
inline constexpr unsigned most_cores = 256;

struct Range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

// "a" or "a-b". E0107; E0256 when reversed.
std::optional<Range> read_ports(const Value& at);      // 1 to 65535
std::optional<Range> read_addresses(const Value& at);  // IPv4, host byte order
std::optional<ir::QueueRange> read_queues(const Value& at);

// gold or normal; true: gold.
bool read_gold(const Value& at);
// "50us", "2ms", "0.5ms"; microseconds, 0 where it is no time (E0107).
double read_microseconds(const Value& at);

}  // namespace weft::frontend
