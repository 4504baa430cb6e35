// Classic capture files (libpcap format, Ethernet), just enough to take a frame out of one and to
// hand a counterexample to other tools.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::tool {

// Frame `number`, counted from 1. Both byte orders, micro- and nanoseconds.
diag::Result<std::vector<std::uint8_t>> read_pcap_frame(const std::string& path, unsigned number);
diag::Result<void> write_pcap(const std::string& path,
                              const std::vector<std::vector<std::uint8_t>>& frames);

}  // namespace weft::tool
